import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { places } from "../../src/core/compile/key-broker/places.ts";
import { adminPublicKey, adminToken } from "../../src/core/kbs/admin-token.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { UsableRelease } from "../../src/core/release/verified-release.ts";
import { requireProviders } from "../../src/core/require-providers.ts";
import { databaseAddress, fileOf, planOf, requireSecrets, toState } from "./args.ts";
import type { BrokerPlan, KeyBrokerSecrets } from "./args.ts";
import * as network from "./network.ts";
import * as objects from "./objects.ts";
import { jobArgs, requestsArgs, tokenSecretArgs } from "./publication.ts";
import type { KeyBrokerSettings } from "./settings.ts";
import { deploymentArgs } from "./workload.ts";

export interface KeyBrokerArgs {
  /** The stack's settings, parsed by `keyBrokerSettingsSchema`. */
  readonly settings: KeyBrokerSettings;
  /** The signer's policy, which its releases were verified under; it has no `tee`. */
  readonly policy: TrustPolicy;
  /** The release that the signer runs, plain: a release inside an Output can't be told from a copy, and is refused. */
  readonly signer: UsableRelease;
  /** The release that the signer is rolled over to: both get the credential meanwhile. */
  readonly next?: UsableRelease;
  readonly secrets: KeyBrokerSecrets;
  readonly pins: Pins;
  /** The time of this run: a new publication's token begins then. */
  readonly now: Date;
}

/** Options of a component, with the provider spelt out: the default one would take whatever kubeconfig lies around. */
export type KeyBrokerOptions = pulumi.ComponentResourceOptions & { provider: kubernetes.Provider };

/**
 * Trustee in a cluster of its own trust domain: it gives the credential to a TD whose measurements are those of a signer
 * release that was verified, and to nothing else.
 */
export class KeyBroker extends pulumi.ComponentResource {
  /** https, within the cluster. */
  readonly serviceUrl: pulumi.Output<string>;
  /** `https://<gateway's host>`; empty without a gateway. */
  readonly publicUrl: pulumi.Output<string>;
  readonly attestationPolicyDigest: pulumi.Output<Digest>;
  readonly resourcePolicyDigest: pulumi.Output<Digest>;
  readonly referenceValuesDigest: pulumi.Output<Digest>;
  /** Paths below /kbs/v0/resource/ that an attested signer may get. */
  readonly resourcePaths: pulumi.Output<string[]>;

  constructor(name: string, args: KeyBrokerArgs, opts: KeyBrokerOptions) {
    requireProviders("KeyBroker", opts, ["kubernetes"]);
    const { settings, secrets } = args;
    requireSecrets(settings, secrets);
    const releases = args.next === undefined ? [args.signer] : [args.signer, args.next];
    const plan = planOf(settings, args.policy, releases, args.pins, { dryRun: pulumi.runtime.isDryRun() });
    super("neko-trust:broker:KeyBroker", name, toState(plan, args.policy), opts);
    for (const warning of plan.compiled.warnings) void pulumi.log.warn(warning, this);

    const keep = settings.onDestroy === "keep";
    const kept = { protect: keep, retainOnDelete: keep };
    const namespace = new kubernetes.core.v1.Namespace(`${name}-namespace`, objects.namespaceArgs(plan), {
      parent: this,
      ...kept,
    });
    const inside = { parent: this, dependsOn: [namespace] };
    const account = new kubernetes.core.v1.ServiceAccount(`${name}-account`, objects.serviceAccountArgs(plan), inside);
    const config = new kubernetes.core.v1.ConfigMap(`${name}-config`, objects.configMapArgs(plan), inside);
    const secret = (suffix: string, stringData: Record<string, pulumi.Input<string>>, type = "Opaque", options = {}) =>
      new kubernetes.core.v1.Secret(
        `${name}-${suffix}`,
        { metadata: objects.metadata(plan, suffix), type, stringData: hidden(stringData) },
        { ...inside, ...options },
      );
    const token = secret("token", {
      [fileOf(places.tokenKey)]: secrets.tokenKey,
      [fileOf(places.tokenChain)]: secrets.tokenChain,
      [fileOf(places.tokenRoot)]: secrets.tokenRoot,
    });
    const admin = secret("admin", { [fileOf(places.adminPublicKey)]: madeOf(secrets.adminKey, adminPublicKey) });
    // Another credential is another Secret, so that the Job that publishes it is made again.
    const whole = { replaceOnChanges: ["stringData"], deleteBeforeReplace: true };
    const credential = secret("credential", { value: secrets.credential }, "Opaque", whole);
    const tls =
      secrets.tls === undefined || settings.tls.kind !== "given"
        ? undefined
        : secret(
            "tls",
            { "tls.crt": secrets.tls.certificate, "tls.key": secrets.tls.key, "ca.crt": secrets.tls.authority },
            "kubernetes.io/tls",
          );
    const tlsName = settings.tls.kind === "secret" ? settings.tls.name : `${settings.name}-tls`;
    const postgres =
      secrets.postgresUrl === undefined
        ? undefined
        : secret("postgres", { url: madeOf(secrets.postgresUrl, databaseAddress) });
    const store =
      settings.trustee.kind === "built-in"
        ? new kubernetes.core.v1.PersistentVolumeClaim(
            `${name}-store`,
            objects.volumeClaimArgs(plan, settings.trustee.volume),
            { ...inside, ...kept },
          )
        : undefined;
    const policies = this.#networkPolicies(name, plan, inside);
    const mounted = [config, token, admin, tls, postgres, store].filter((resource) => resource !== undefined);
    const deployment = new kubernetes.apps.v1.Deployment(
      `${name}-deployment`,
      deploymentArgs(plan, {
        config: `${settings.name}-config`,
        tls: tlsName,
        token: `${settings.name}-token`,
        admin: `${settings.name}-admin`,
        ...(store === undefined ? {} : { store: `${settings.name}-store` }),
        ...(settings.trustee.kind === "split" ? { postgres: `${settings.name}-postgres` } : {}),
      }),
      // Pods that start before the policies would be reachable by anybody for a moment.
      { parent: this, dependsOn: [account, ...mounted, ...policies] },
    );
    const service = new kubernetes.core.v1.Service(`${name}-service`, objects.serviceArgs(plan, places.port), inside);
    new kubernetes.policy.v1.PodDisruptionBudget(`${name}-budget`, objects.disruptionBudgetArgs(plan), inside);
    this.#publication(name, plan, args, [deployment, service, ...policies], credential, tlsName);
    this.#gateway(name, plan, secrets, inside);

    this.serviceUrl = pulumi.output(plan.serviceUrl);
    this.publicUrl = pulumi.output(settings.gateway === undefined ? "" : `https://${settings.gateway.hostname}`);
    this.attestationPolicyDigest = pulumi.output(plan.compiled.attestationPolicyDigest);
    this.resourcePolicyDigest = pulumi.output(plan.compiled.resourcePolicyDigest);
    this.referenceValuesDigest = pulumi.output(plan.compiled.referenceValuesDigest);
    this.resourcePaths = pulumi.output([...plan.compiled.resources]);
    this.registerOutputs({
      serviceUrl: this.serviceUrl,
      publicUrl: this.publicUrl,
      attestationPolicyDigest: this.attestationPolicyDigest,
      resourcePolicyDigest: this.resourcePolicyDigest,
      referenceValuesDigest: this.referenceValuesDigest,
      resourcePaths: this.resourcePaths,
    });
  }

  #networkPolicies(name: string, plan: BrokerPlan, inside: pulumi.CustomResourceOptions): pulumi.Resource[] {
    return [
      new kubernetes.networking.v1.NetworkPolicy(`${name}-deny-all`, network.denyAllArgs(plan), inside),
      new kubernetes.networking.v1.NetworkPolicy(`${name}-broker-traffic`, network.brokerPolicyArgs(plan), inside),
      new kubernetes.networking.v1.NetworkPolicy(
        `${name}-publisher-traffic`,
        network.publisherPolicyArgs(plan),
        inside,
      ),
    ];
  }

  /** One publication's objects are named by its content: another content has a Job and a token of its own. */
  #publication(
    name: string,
    plan: BrokerPlan,
    args: KeyBrokerArgs,
    after: pulumi.Resource[],
    credential: pulumi.Resource,
    tls: string,
  ): void {
    const { secrets, now } = args;
    const token = onlyOfUpdates(madeOf(secrets.adminKey, (key) => adminToken(key, plan.settings.admin, now)));
    const options = { parent: this, dependsOn: after };
    const requests = new kubernetes.core.v1.ConfigMap(
      `${name}-requests-${plan.publication}`,
      requestsArgs(plan),
      options,
    );
    const header = new kubernetes.core.v1.Secret(
      `${name}-publication-token-${plan.publication}`,
      tokenSecretArgs(plan, token),
      // Each run makes a token; the one of the run that published stays, expired, so that a second `up` changes nothing.
      { ...options, ignoreChanges: ["stringData"] },
    );
    new kubernetes.batch.v1.Job(
      `${name}-publication-${plan.publication}`,
      jobArgs(plan, { credential: `${plan.settings.name}-credential`, tls }),
      // A credential that was changed without a new day in `rotated` is not passed over in silence: this Job is made again,
      // with the token that has expired, and fails.
      {
        parent: this,
        dependsOn: [...after, credential, requests, header],
        deleteBeforeReplace: true,
        replaceWith: [credential],
      },
    );
  }

  #gateway(name: string, plan: BrokerPlan, secrets: KeyBrokerSecrets, inside: pulumi.CustomResourceOptions): void {
    const { gateway, tls, name: prefix } = plan.settings;
    if (gateway === undefined) return;
    let authority = tls.kind === "secret" ? tls.authority : undefined;
    if (authority === undefined && secrets.tls !== undefined) {
      authority = `${prefix}-authority`;
      new kubernetes.core.v1.ConfigMap(
        `${name}-authority`,
        { metadata: objects.metadata(plan, "authority"), data: { "ca.crt": secrets.tls.authority } },
        inside,
      );
    }
    if (authority !== undefined) {
      new kubernetes.apiextensions.CustomResource(
        `${name}-backend-tls`,
        network.backendTlsArgs(plan, authority),
        inside,
      );
    }
    new kubernetes.apiextensions.CustomResource(`${name}-route`, network.routeArgs(plan, gateway), inside);
  }
}

/** What is made of a secret is one, too. A preview also plans with a placeholder, of which nothing can be made. */
function madeOf(secret: pulumi.Input<string>, make: (text: string) => string): pulumi.Output<string> {
  return pulumi
    .secret(secret)
    .apply((text) => (pulumi.runtime.isDryRun() && text.includes("placeholder") ? "placeholder" : make(text)));
}

/**
 * Made in a preview, too, so that a bad key shows there, but told to an update alone. What each run makes anew must not
 * stand in a saved plan: the update would be refused, and the refusal shows both values in clear text.
 */
function onlyOfUpdates(text: pulumi.Output<string>): pulumi.Output<string> {
  if (!pulumi.runtime.isDryRun()) return text;
  return pulumi.all([text, pulumi.output(pulumi.unknown)]).apply(([known]) => known);
}

/** Whatever comes in, it goes out as a secret. */
function hidden(values: Record<string, pulumi.Input<string>>): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, pulumi.secret(value)]));
}
