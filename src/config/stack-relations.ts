import { z } from "zod";
import { resourcePath } from "../core/compile/key-broker/rules.ts";
import type { SchemaFault } from "../core/schema-faults.ts";
import { timestampFaults, unlistedFaults, watchedFaults } from "./signer-relations.ts";

const policy = z
  .looseObject({
    environment: z.unknown().optional(),
    tee: z.unknown().optional(),
    rebuilds: z.looseObject({ perPlatform: z.number() }).optional().catch(undefined),
    images: z
      .array(z.looseObject({ repository: z.string(), mirrors: z.array(z.string()).catch([]) }))
      .optional()
      .catch(undefined),
  })
  .catch({ environment: undefined });
const texts = z.array(z.unknown()).catch([]);
const release = z.looseObject({ image: z.unknown().optional() }).catch({ image: undefined });
const component = z.looseObject({}).optional().catch({});

const grantedStates = z.looseObject({
  grants: z
    .array(
      z
        .looseObject({ on: z.looseObject({ kind: z.unknown().optional(), stack: z.unknown().optional() }) })
        .catch({ on: {} }),
    )
    .catch([]),
});
const stateGrants = z
  .looseObject({
    workloadIdentity: z.looseObject({
      deployments: z.array(z.looseObject({ plan: grantedStates, apply: grantedStates })),
    }),
  })
  .optional()
  .catch(undefined);

/** What relations are about, whatever else is in the document; parts that can't be read have faults of their own. */
const readable = z.looseObject({
  release: z.unknown().optional(),
  policy,
  releases: z.array(release).catch([]),
  signerRelease: z
    .looseObject({ image: z.unknown().optional(), current: z.unknown().optional(), retained: texts, policy })
    .optional()
    .catch(undefined),
  clusters: z
    .array(
      z.looseObject({ name: z.unknown().optional(), kubeconfig: z.unknown().optional() }).catch({ kubeconfig: "" }),
    )
    .catch([]),
  approvals: z.unknown().optional(),
  ciSecrets: stateGrants,
  admissionPolicies: z
    .looseObject({ perCluster: z.record(z.string(), z.unknown()).optional().catch(undefined) })
    .optional()
    .catch(undefined),
  keyBroker: component,
  confidentialSigner: component,
  buildRunners: component,
});
type Readable = z.infer<typeof readable>;

/** What one key of a stack demands of another; told also where other keys are at fault. */
export function relationFaults(document: Readonly<Record<string, unknown>>, stack: string): SchemaFault[] {
  const parsed = readable.parse(document);
  return [
    ...releaseImages(parsed),
    ...signerRelease(parsed),
    ...teeSigner(parsed),
    ...brokerResource(parsed),
    ...timestampFaults(document),
    ...watchedFaults(document),
    ...unlistedFaults(document),
    ...labReleases(parsed, stack),
    ...ownersOfSingletons(parsed, document),
    ...componentNeeds(parsed, document),
    ...ownState(parsed, stack),
    ...clusterPlaces(parsed),
  ];
}

const fault = (path: string, found: string, allowed: string): SchemaFault => ({ path, found, allowed });

function imageFault(path: string, image: unknown, of: string, { images }: Readable["policy"]): SchemaFault[] {
  const repositories = images?.flatMap((entry) => [entry.repository, ...entry.mirrors]);
  if (repositories === undefined || typeof image !== "string" || repositories.includes(image)) return [];
  return [fault(path, `"${image}"`, `must be one of ${of}: ${repositories.join(", ")}`)];
}

function releaseImages({ policy: own, releases }: Readable): SchemaFault[] {
  return releases.flatMap(({ image }, index) => imageFault(`releases.${index}.image`, image, "policy.images", own));
}

/** The signer is verified before there is anything that it signed. */
function signerRelease({ signerRelease: signer, policy: own }: Readable): SchemaFault[] {
  if (signer === undefined) return [];
  const faults = imageFault("signerRelease.image", signer.image, "signerRelease.policy.images", signer.policy);
  if (signer.policy.environment !== undefined && signer.policy.environment !== own.environment) {
    const found = JSON.stringify(signer.policy.environment);
    faults.push(fault("signerRelease.policy.environment", found, "must be the stack's policy.environment"));
  }
  if (signer.policy.tee !== undefined) {
    faults.push(
      fault("signerRelease.policy.tee", "a demand", "must be left out: no release vouches for its own signer"),
    );
  }
  return faults;
}

/** What `tee` demands is judged by the measurements of the release that it names: the stack has to have that one. */
function teeSigner({ release: lab, signerRelease: signer, policy: { tee } }: Readable): SchemaFault[] {
  const named = z.looseObject({ signerRelease: z.string() }).safeParse(tee);
  // Where the lab gives the releases, it gives the signer's, too.
  if (!named.success || lab === "lab") return [];
  const { signerRelease: digest } = named.data;
  if (signer === undefined) {
    return [fault("policy.tee", "a demand", "needs signerRelease: whose machines sign, and under which policy")];
  }
  const quorum = signer.policy.rebuilds?.perPlatform;
  return [
    // As rule 7 has it: a lab has nobody who rebuilds.
    ...(quorum === 0 && signer.policy.environment !== "local"
      ? [fault("signerRelease.policy.rebuilds.perPlatform", "0", "must be 1 or more: policy.tee believes its release")]
      : []),
    ...(signer.current === digest || signer.retained.includes(digest)
      ? []
      : [fault("policy.tee.signerRelease", `"${digest}"`, "must be signerRelease.current or one of its retained")]),
  ];
}

const keptCredential = z.looseObject({ credential: z.looseObject({ type: z.string(), tag: z.string() }) });
const askedCredential = z.looseObject({
  service: z.looseObject({ keyBroker: z.looseObject({ resource: z.string() }) }),
});

/** The signer asks for what the broker has, or it never publishes anything. */
function brokerResource({ keyBroker, confidentialSigner }: Readable): SchemaFault[] {
  const kept = keptCredential.safeParse(keyBroker);
  const asked = askedCredential.safeParse(confidentialSigner);
  if (!kept.success || !asked.success) return [];
  const path = resourcePath(kept.data.credential);
  const { resource } = asked.data.service.keyBroker;
  if (resource === path) return [];
  const allowed = `must be ${path}: what keyBroker.credential is kept as`;
  return [fault("confidentialSigner.service.keyBroker.resource", `"${resource}"`, allowed)];
}

function labReleases({ release: lab, policy: { environment } }: Readable, stack: string): SchemaFault[] {
  const faults: SchemaFault[] = [];
  if (lab === "lab" && environment !== "local") {
    faults.push(fault("release", `"lab"`, "only environment local may use lab releases"));
  }
  if (lab === "lab" && environment === "local" && stack !== "local") {
    faults.push(fault("release", `"lab"`, "only stack local takes its releases from the lab"));
  }
  // The guard of stand-ins and the dead endpoints go by these two: they must mean the same.
  if (environment !== undefined && (stack === "local") !== (environment === "local")) {
    const allowed = stack === "local" ? "must be local: stack local is the lab's" : "only stack local may be local";
    faults.push(fault("policy.environment", JSON.stringify(environment), allowed));
  } else if (environment !== undefined && ["staging", "production"].includes(stack) && environment !== stack) {
    // What production demands (approvals, pins) goes by this: another environment's policy must not lower it.
    faults.push(fault("policy.environment", JSON.stringify(environment), `must be ${stack}, as the stack is called`));
  }
  return faults;
}

/** What exists once for all environments, by the key of its component. */
export const singletonKeys = ["ghcrRepository", "ciSecrets", "buildRunners"] as const;

function ownersOfSingletons({ approvals }: Readable, document: Readonly<Record<string, unknown>>): SchemaFault[] {
  if (approvals === undefined) return [];
  return singletonKeys
    .filter((key) => document[key] !== undefined)
    .map((key) => fault(key, "settings", "exists once: it belongs to the stack that publishes the approvals"));
}

/** What exists once in a stack runs in one of its clusters. */
function onOneCluster(
  settings: unknown,
  component: string,
  kind: string,
  clusters: Readable["clusters"],
): SchemaFault[] {
  const hosts = clusters.filter(({ runs }) => Array.isArray(runs) && runs.includes(kind)).length;
  return settings === undefined || hosts === 1
    ? []
    : [fault("clusters", `${hosts} with runs: ${kind}`, `must be exactly one: ${component} runs there`)];
}

function arcOf(buildRunners: Readable["buildRunners"]): unknown {
  return buildRunners?.["arc"];
}

function componentNeeds(
  { clusters, buildRunners }: Readable,
  document: Readonly<Record<string, unknown>>,
): SchemaFault[] {
  const needs = (component: string, key: string): SchemaFault[] =>
    document[component] !== undefined && document[key] === undefined
      ? [fault(key, "nothing", `needed by ${component}`)]
      : [];
  return [
    ...singletonKeys.flatMap((key) => needs(key, "githubOwner")).slice(0, 1),
    // Without it the runners would be left out in silence: they are registered for that repository.
    ...needs("buildRunners", "ghcrRepository"),
    // Its provider's credentials read what was approved.
    ...["ciSecrets", "confidentialSigner", "approvals"].flatMap((key) => needs(key, "gcp")).slice(0, 1),
    ...["confidentialSigner", "keyBroker"].flatMap((key) => needs(key, "signerRelease")).slice(0, 1),
    ...onOneCluster(document["keyBroker"], "keyBroker", "key-broker", clusters),
    ...onOneCluster(arcOf(buildRunners), "buildRunners.arc", "runners", clusters),
  ];
}

/** Who could write this stack's state could rewrite what CI may do; who could read it has its names and digests. */
function ownState({ ciSecrets }: Readable, stack: string): SchemaFault[] {
  const own = `/${stack}`;
  return (ciSecrets?.workloadIdentity.deployments ?? []).flatMap((deployment, index) =>
    (["plan", "apply"] as const).flatMap((use) =>
      deployment[use].grants.flatMap(({ on }, at) =>
        on.kind === "stackState" && typeof on.stack === "string" && on.stack.endsWith(own)
          ? [
              fault(
                `ciSecrets.workloadIdentity.deployments.${index}.${use}.grants.${at}.on.stack`,
                `"${on.stack}"`,
                "must be another stack: only people change this one, as it says what CI may do",
              ),
            ]
          : [],
      ),
    ),
  );
}

function clusterPlaces({ policy: { environment }, clusters, admissionPolicies }: Readable): SchemaFault[] {
  const names = clusters.map(({ name }) => name);
  const faults = clusters.flatMap(({ name, kubeconfig }, index): SchemaFault[] => {
    const at = `clusters.${index}`;
    const twice = typeof name === "string" && names.indexOf(name) < index;
    return [
      ...(twice ? [fault(`${at}.name`, `"${name}"`, "must not name a cluster twice")] : []),
      ...(kubeconfig !== undefined && environment === "local"
        ? [fault(`${at}.kubeconfig`, "a path", "must be left out in environment local: its endpoint is dead")]
        : []),
      ...(kubeconfig === undefined && environment !== "local"
        ? [fault(`${at}.kubeconfig`, "nothing", "must be the path of a kubeconfig file")]
        : []),
    ];
  });
  const unknown = Object.keys(admissionPolicies?.perCluster ?? {}).filter((name) => !names.includes(name));
  return [
    ...faults,
    ...unknown.map((name) =>
      fault(`admissionPolicies.perCluster.${name}`, "settings", `no cluster has this name: ${names.join(", ")}`),
    ),
  ];
}
