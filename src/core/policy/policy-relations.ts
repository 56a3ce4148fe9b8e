import { z } from "zod";
import { isDigest } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";

/** What one field of a policy demands of another. */
export interface RelationFault {
  readonly path: (string | number)[];
  readonly message: string;
}

const kinds = ["signature", "manifest", "provenance", "sbom"] as const;

const texts = z.array(z.string().catch("")).catch([]);

const workflow = z.looseObject({ repository: z.string(), path: z.string() });
const signer = z.looseObject({
  id: z.string().catch(""),
  repository: z.string().optional().catch(undefined),
  signerWorkflow: workflow.optional().catch(undefined),
  callerWorkflow: workflow.optional().catch(undefined),
  ownerId: z.string().catch(""),
});
const rebuilder = z.looseObject({
  id: z.string().catch(""),
  operator: z.string().catch(""),
  identity: z
    .looseObject({
      ownerId: z.string().catch(""),
      repository: z.string().optional().catch(undefined),
      signerWorkflow: workflow.optional().catch(undefined),
      callerWorkflow: workflow.optional().catch(undefined),
    })
    .catch({ ownerId: "" }),
});
const image = z.looseObject({ repository: z.string().catch(""), mirrors: texts, platforms: texts });

/**
 * What relations are about, whatever else is in the document. A list that can't be read is undefined: nothing is said
 * about what refers to it, as its own fault is told already.
 */
const readable = z.looseObject({
  environment: z.unknown(),
  images: z.array(image.catch({ repository: "", mirrors: [], platforms: [] })).catch([]),
  signers: z
    .array(signer.catch({ id: "", ownerId: "" }))
    .optional()
    .catch(undefined),
  thirdParty: z.array(z.looseObject({ repository: z.string() }).catch({ repository: "" })).catch([]),
  provenance: z
    .looseObject({ builderIds: z.unknown(), buildTypes: z.unknown() })
    .catch({ builderIds: 0, buildTypes: 0 }),
  sbom: z.looseObject({ formats: z.unknown() }).catch({ formats: 0 }),
  rebuilds: z
    .looseObject({
      perPlatform: z.number().catch(0),
      missing: z.unknown(),
      rebuilders: z
        .array(rebuilder.catch({ id: "", operator: "", identity: { ownerId: "" } }))
        .optional()
        .catch(undefined),
    })
    .catch({ perPlatform: 0, missing: undefined, rebuilders: undefined }),
  vulnerabilities: z.looseObject({ signers: texts }).optional().catch(undefined),
  require: z.record(z.string(), z.unknown()).catch({}),
  revoked: texts,
});
type Readable = z.infer<typeof readable>;

/** Every fault between the fields of a policy that may have other faults too. */
export function policyRelations(policy: unknown): readonly RelationFault[] {
  const parsed = safeParse(readable, policy);
  if (!parsed.success) return [];
  return [
    ...repeatedSigners(parsed.data),
    ...requirements(parsed.data),
    ...scanSigners(parsed.data),
    ...independentRebuilders(parsed.data),
    ...reachableQuorum(parsed.data),
    ...revocations(parsed.data),
    ...repeatedImages(parsed.data),
    ...reusableWorkflows(parsed.data),
    ...waivedImages(parsed.data),
    ...emptyDemands(parsed.data),
  ];
}

/**
 * Whoever may push to the branch of a reusable workflow could sign for the repository that calls it: such a workflow
 * is pinned by commit. A ref will do only for the source repository's own workflow, which is what the caller runs.
 */
function reusableWorkflows({ signers = [], rebuilds: { rebuilders = [] } }: Readable): RelationFault[] {
  const identities = [
    ...signers.map((identity, index) => ({ identity, at: ["signers", index] })),
    ...rebuilders.map(({ identity }, index) => ({ identity, at: ["rebuilds", "rebuilders", index, "identity"] })),
  ];
  return identities.flatMap(({ identity: { repository, signerWorkflow, callerWorkflow }, at }) => {
    if (signerWorkflow === undefined || callerWorkflow === undefined || "sha" in signerWorkflow) return [];
    const own =
      signerWorkflow.repository === repository &&
      signerWorkflow.repository === callerWorkflow.repository &&
      signerWorkflow.path === callerWorkflow.path;
    const message = "a reusable workflow (another than callerWorkflow, or of another repository) must be pinned by sha";
    return own ? [] : [{ path: [...at, "signerWorkflow"], message }];
  });
}

/** An exception for an image of ours would be a way around its verification. */
function waivedImages({ images, thirdParty }: Readable): RelationFault[] {
  const own = new Set(images.flatMap(({ repository, mirrors }) => [repository, ...mirrors]));
  return thirdParty.flatMap(({ repository }, index) =>
    repository !== "" && own.has(repository)
      ? [{ path: ["thirdParty", index, "repository"], message: `"${repository}" is one of images: it has to verify` }]
      : [],
  );
}

/** Lists that allow nothing can only be a mistake in production, where provenance and SBOM are required. */
function emptyDemands({ environment, provenance, sbom }: Readable): RelationFault[] {
  if (environment !== "production") return [];
  const lists = [
    [["provenance", "builderIds"], provenance.builderIds],
    [["provenance", "buildTypes"], provenance.buildTypes],
    [["sbom", "formats"], sbom.formats],
  ] as const;
  return lists.flatMap(([path, list]) =>
    Array.isArray(list) && list.length === 0 ? [{ path: [...path], message: "must not be empty in production" }] : [],
  );
}

function repeatedSigners({ signers = [] }: Readable): RelationFault[] {
  const ids = signers.map(({ id }) => id);
  return ids.flatMap((id, index) =>
    id !== "" && ids.indexOf(id) < index ? [{ path: ["signers", index, "id"], message: `"${id}" is used twice` }] : [],
  );
}

function requirements({ signers, require, environment }: Readable): RelationFault[] {
  const faults: RelationFault[] = [];
  const lists = kinds.map((kind) => [kind, texts.parse(require[kind])] as const);
  for (const [kind, list] of lists) {
    list.forEach((id, index) => {
      if (signers === undefined || signers.some((signer) => signer.id === id)) return;
      faults.push({ path: ["require", kind, index], message: `no signer has the id "${id}"` });
    });
    if (environment === "production" && Array.isArray(require[kind]) && list.length === 0) {
      faults.push({ path: ["require", kind], message: "must name at least one signer in production" });
    }
  }
  if (lists.every(([kind, list]) => Array.isArray(require[kind]) && list.length === 0)) {
    faults.push({
      path: ["require"],
      message: "must name at least one signer: a policy that trusts nobody admits nothing",
    });
  }
  return faults;
}

function scanSigners({ signers, vulnerabilities }: Readable): RelationFault[] {
  return (vulnerabilities?.signers ?? []).flatMap((id, index) =>
    signers === undefined || signers.some((signer) => signer.id === id)
      ? []
      : [{ path: ["vulnerabilities", "signers", index], message: `no signer has the id "${id}"` }],
  );
}

/** A rebuild proves something only when nobody who signs the release, and nobody else who rebuilds it, could have made it. */
function independentRebuilders({ signers = [], rebuilds }: Readable): RelationFault[] {
  const { rebuilders = [] } = rebuilds;
  const signerIds = new Set(signers.map(({ id }) => id));
  const owners = new Set(signers.map(({ ownerId }) => ownerId));
  const fault = (index: number, key: string, message: string): RelationFault => {
    return { path: ["rebuilds", "rebuilders", index, ...key.split(".")], message };
  };
  return rebuilders.flatMap(({ id, operator, identity: { ownerId } }, index) => {
    const before = rebuilders.slice(0, index);
    const faults: RelationFault[] = [];
    if (id !== "" && (signerIds.has(id) || before.some((other) => other.id === id))) {
      faults.push(fault(index, "id", `"${id}" is used twice`));
    }
    if (isSomebody(ownerId) && owners.has(ownerId)) {
      faults.push(
        fault(index, "identity.ownerId", `"${ownerId}" owns a signer, too: such a rebuild is not independent`),
      );
    }
    if (
      isSomebody(ownerId) &&
      before.some(
        (other) => other.identity.ownerId === ownerId && foldedOperator(other.operator) !== foldedOperator(operator),
      )
    ) {
      faults.push(fault(index, "identity.ownerId", `"${ownerId}" is another operator's, too: one owner counts once`));
    }
    return faults;
  });
}

/** "0" is not filled in yet: it is no owner that two could share. An empty one is a fault of its own. */
function isSomebody(ownerId: string): boolean {
  return ownerId !== "" && ownerId !== "0";
}

/** An operator's name as it is counted: spaces around it, and case, make no other organization of one. */
export function foldedOperator(name: string): string {
  return name.trim().toLowerCase();
}

/** A quorum that can never be reached refuses every release: a mistake that is told at once. */
function reachableQuorum({ rebuilds, revoked }: Readable): RelationFault[] {
  const { perPlatform, rebuilders, missing } = rebuilds;
  if (rebuilders === undefined) return [];
  const operators = new Set(
    rebuilders.filter(({ id }) => !revoked.includes(id)).map(({ operator }) => foldedOperator(operator)),
  );
  if (perPlatform > operators.size) {
    const message = `must be at most ${operators.size}, the number of distinct operators that are not revoked`;
    return [{ path: ["rebuilds", "perPlatform"], message }];
  }
  return missing === "refuse" && operators.size === 0
    ? [{ path: ["rebuilds", "missing"], message: "must be allow where no rebuilder is listed that is not revoked" }]
    : [];
}

/** A misspelt revocation would revoke nobody and say nothing. */
function revocations({ signers, rebuilds, revoked }: Readable): RelationFault[] {
  const { rebuilders } = rebuilds;
  if (signers === undefined || rebuilders === undefined) return [];
  const ids = [...signers, ...rebuilders].map(({ id }) => id);
  return revoked.flatMap((entry, index) =>
    isDigest(entry) || ids.includes(entry)
      ? []
      : [{ path: ["revoked", index], message: `neither a signer nor a rebuilder has the id "${entry}"` }],
  );
}

function repeatedImages({ images }: Readable): RelationFault[] {
  const seen = new Set<string>();
  return images
    .flatMap((entry, index) =>
      [entry.repository, ...entry.mirrors].flatMap((repository): RelationFault[] => {
        if (repository === "" || seen.size !== seen.add(repository).size) return [];
        return [{ path: ["images", index], message: `"${repository}" is named twice` }];
      }),
    )
    .concat(
      images.flatMap(({ platforms }, index) =>
        new Set(platforms).size === platforms.length
          ? []
          : [{ path: ["images", index, "platforms"], message: "must not name a platform twice" }],
      ),
    );
}
