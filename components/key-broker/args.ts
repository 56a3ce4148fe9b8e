import type * as pulumi from "@pulumi/pulumi";
import { compile } from "../../src/core/compile/key-broker/compile.ts";
import type { CompiledKeyBroker, SignerRelease } from "../../src/core/compile/key-broker/compile.ts";
import { places } from "../../src/core/compile/key-broker/places.ts";
import { Failure } from "../../src/core/failure.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import { requireSecureConfig } from "../../src/core/kbs/lint-config.ts";
import { digestOf, sha256Hex } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import { imagePin, pinnedImage } from "../../src/core/pins/pins.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import { policyDigest } from "../../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { PlannedRelease, assertUsable, assertVerified } from "../../src/core/release/verified-release.ts";
import type { UsableRelease } from "../../src/core/release/verified-release.ts";
import type { KeyBrokerSettings } from "./settings.ts";

/** Images that every layout, or one of them, runs: entries of pins.yaml. */
export const keyBrokerPins = {
  builtIn: ["trustee-kbs-built-in", "curl"],
  split: ["trustee-kbs", "trustee-attestation-service", "trustee-rvps", "curl"],
} as const;

/** What only the stack's secrets hold; every one is a secret output. */
export interface KeyBrokerSecrets {
  /** What an attested signer gets: the authority to publish. */
  readonly credential: pulumi.Input<string>;
  /** Ed25519 private key (PKCS #8, PEM) of the administrator. It never enters the cluster: tokens are made of it. */
  readonly adminKey: pulumi.Input<string>;
  /** P-256 private key (PEM) that signs attestation results. */
  readonly tokenKey: pulumi.Input<string>;
  /** Its certificate, then the root (PEM). */
  readonly tokenChain: pulumi.Input<string>;
  /** The root alone (PEM): whose results KBS believes. */
  readonly tokenRoot: pulumi.Input<string>;
  /** For `tls.kind: given`; `authority` is the root (PEM) that clients verify with. */
  readonly tls?: {
    readonly key: pulumi.Input<string>;
    readonly certificate: pulumi.Input<string>;
    readonly authority: pulumi.Input<string>;
  };
  /** For `trustee.kind: split`: postgres://… with its password. */
  readonly postgresUrl?: pulumi.Input<string>;
}

/** Everything that is decided before a resource is made. */
export interface BrokerPlan {
  readonly settings: KeyBrokerSettings;
  readonly compiled: CompiledKeyBroker;
  /** Files of the ConfigMap, by name. */
  readonly configFiles: Readonly<Record<string, string>>;
  readonly configDigest: Digest;
  readonly images: {
    readonly kbs: string;
    readonly attestationService?: string;
    readonly referenceValues?: string;
    readonly curl: string;
  };
  /** Ends the names of one publication's objects: another content is another publication, with a token of its own. */
  readonly publication: string;
  /** https, within the cluster. */
  readonly serviceUrl: string;
}

/** What the settings make of releases whose measurements are known. Throws what `compile` throws. */
export function compileFor(
  settings: KeyBrokerSettings,
  policy: TrustPolicy,
  releases: readonly SignerRelease[],
): CompiledKeyBroker {
  return compile(policy, releases, {
    attestationService: settings.trustee.kind,
    tokenMinutes: settings.tokenMinutes,
    collateralService: settings.collateral.service,
    tcbUpdate: settings.collateral.update,
    admin: settings.admin,
    tee: settings.tee,
    resources: [{ type: settings.credential.type, tag: settings.credential.tag }],
  });
}

/**
 * Settings, policy and releases → what is deployed. Throws what `compile` and `requireSecureConfig` throw, and
 * RELEASE_NOT_VERIFIED, RELEASE_ONLY_PLANNED, RELEASE_OF_OTHER_POLICY, PIN_MISSING.
 */
export function planOf(
  settings: KeyBrokerSettings,
  policy: TrustPolicy,
  releases: readonly UsableRelease[],
  pins: Pins,
  context: { readonly dryRun: boolean },
): BrokerPlan {
  const split = settings.trustee.kind === "split";
  const compiled = compileFor(
    settings,
    policy,
    releases.map((release) => signerRelease(policy, release, context)),
  );
  const kbs = settings.config ?? compiled.configs.kbs;
  requireSecureConfig(kbs, settings.config === undefined ? "the compiler" : "settings.config", {
    mounted: [places.tls, places.token, places.admin],
    ...(split ? {} : { volume: places.store }),
    port: places.port,
    store: split ? "Postgres" : "LocalFs",
    attestationService: split ? "coco_as_grpc" : "coco_as_builtin",
    admin: settings.admin,
  });
  const { attestationService, referenceValues } = compiled.configs;
  const configFiles = {
    ...(attestationService === undefined ? {} : { [fileOf(places.attestationConfig)]: attestationService }),
    [fileOf(places.kbsConfig)]: kbs,
    ...(referenceValues === undefined ? {} : { [fileOf(places.referenceConfig)]: referenceValues }),
  };
  const image = (name: string): string => pinnedImage(imagePin(pins, name));
  const publication = {
    requests: compiled.requests.map(({ path, body }) => ({ path, body })),
    resources: [...compiled.resources],
    rotated: settings.credential.rotated,
    admin: settings.admin,
    // Another store is an empty one.
    store: settings.trustee.kind,
  };
  return {
    settings,
    compiled,
    configFiles,
    configDigest: digestOf(canonicalBytes(configFiles)),
    images: split
      ? {
          kbs: image("trustee-kbs"),
          attestationService: image("trustee-attestation-service"),
          referenceValues: image("trustee-rvps"),
          curl: image("curl"),
        }
      : { kbs: image("trustee-kbs-built-in"), curl: image("curl") },
    publication: sha256Hex(canonicalBytes(publication)).slice(0, 10),
    serviceUrl: `https://${serviceHost(settings)}:${places.port}`,
  };
}

/** The name that the broker's certificate has to have. */
export function serviceHost(settings: KeyBrokerSettings): string {
  return `${settings.name}.${settings.namespace}.svc`;
}

export function fileOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function signerRelease(
  policy: TrustPolicy,
  release: UsableRelease,
  context: { readonly dryRun: boolean },
): SignerRelease {
  const data = assertUsable(release, context);
  if (data.policyDigest !== policyDigest(policy)) {
    throw new Failure({
      code: "RELEASE_OF_OTHER_POLICY",
      kind: "refused",
      message: `${data.repository}@${data.digest} was verified under policy ${data.policyName} (${data.environment}), not under ${policy.name} (${policy.environment}).`,
      remedy: "Verify it under the signer's policy that the component is given.",
    });
  }
  const { repository, digest } = data;
  if (release instanceof PlannedRelease) return { repository, digest, measurements: "planned" };
  return { repository, digest, measurements: assertVerified(release).manifest.measurements };
}

/** Which secrets the settings ask for; throws KBS_SECRET_MISSING (usage). */
export function requireSecrets(settings: KeyBrokerSettings, secrets: KeyBrokerSecrets): void {
  const missing = [
    ...(settings.tls.kind === "given" && secrets.tls === undefined ? ["tls"] : []),
    ...(settings.trustee.kind === "split" && secrets.postgresUrl === undefined ? ["postgresUrl"] : []),
  ];
  if (missing.length === 0) return;
  throw new Failure({
    code: "KBS_SECRET_MISSING",
    kind: "usage",
    message: `KeyBroker was given no ${missing.join(" and no ")}, which its settings ask for.`,
    remedy: "Set it as a secret of the stack, or change tls.kind or trustee.kind.",
  });
}

/**
 * The database's address as it was given. Its client falls back to plaintext unless it is told not to, so the address has to
 * say it. Throws KBS_DATABASE_ADDRESS (usage), which shows nothing of it.
 */
export function databaseAddress(text: string): string {
  const url = URL.parse(text);
  const encrypted = ["require", "verify-ca", "verify-full"].includes(url?.searchParams.get("sslmode") ?? "");
  if (url !== null && ["postgres:", "postgresql:"].includes(url.protocol) && encrypted) return text;
  throw new Failure({
    code: "KBS_DATABASE_ADDRESS",
    kind: "usage",
    message: "The key broker's postgresUrl is no postgres:// address that asks for TLS.",
    remedy: "Write postgres://user:password@host/database?sslmode=verify-full (or require).",
  });
}

/** What is kept in the component's state and diffed: plain data, nothing secret. */
export function toState(plan: BrokerPlan, policy: TrustPolicy): Record<string, unknown> {
  const { settings, compiled, images } = plan;
  return {
    name: settings.name,
    namespace: settings.namespace,
    trustee: settings.trustee.kind,
    policy: policy.name,
    environment: policy.environment,
    images: Object.values(images).toSorted(),
    ownConfig: settings.config !== undefined,
    configDigest: plan.configDigest,
    attestationPolicyDigest: compiled.attestationPolicyDigest,
    resourcePolicyDigest: compiled.resourcePolicyDigest,
    referenceValuesDigest: compiled.referenceValuesDigest,
    referenceValues: compiled.referenceValues,
    resources: [...compiled.resources],
    onDestroy: settings.onDestroy,
  };
}
