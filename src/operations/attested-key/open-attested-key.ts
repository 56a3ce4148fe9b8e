import { createPrivateKey } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { requestTimestamp } from "../../adapters/fulcio-rekor/request-timestamp.ts";
import { intelAddresses } from "../../adapters/intel-pcs/fetch-collateral.ts";
import { createPcsSource } from "../../adapters/intel-pcs/pcs-source.ts";
import { fetchResource } from "../../adapters/kbs/fetch-resource.ts";
import { createRegistryClient } from "../../adapters/registry/client.ts";
import { createTsmAttester } from "../../adapters/tsm/attester.ts";
import { Failure } from "../../core/failure.ts";
import type { KbsTrust } from "../../core/kbs/trust.ts";
import type { TrustPolicy } from "../../core/policy/trust-policy.ts";
import { parseReference } from "../../core/release/reference.ts";
import { publicGoodServices } from "../../core/sigstore/signing-services.ts";
import type { Attester, CollateralSource } from "../../core/tdx/contract.ts";
import { mostTimestamps } from "../../core/tdx/evidence-document.ts";
import { intelTrust } from "../../core/tdx/intel-root.ts";
import { openRegistry } from "../open-registry.ts";
import type { AttestedKey, AttestedSigner } from "./attested-signer.ts";
import { brokerCredentials } from "./registry-credential.ts";
import { requireListed } from "./require-listed.ts";
import { requireSignerPolicy } from "./require-signer-policy.ts";
import { requireSignerRoot } from "./require-signer-root.ts";
import type { Publisher } from "./watch-registry.ts";

/** What an attested signer asks a key broker for. */
export interface BrokerOptions {
  /** `https://host/kbs` */
  readonly url: string;
  readonly trust: KbsTrust;
  /** Of the credential to publish with, `repository/type/tag`; the user's docker credentials are used without it. */
  readonly resource?: string;
  /** Of a signing key (PKCS#8 PEM, ECDSA P-256): the mode `kbs-key`. */
  readonly keyResource?: string;
}

export interface GuestOptions {
  /** Where collateral comes from; Intel's own service unless given. */
  readonly collateralUrl?: string;
  /** The least evaluation number of Intel's statements that is taken, as a measured file or unit says; 0 unless given. */
  readonly minEvaluation?: number;
  /** The user's cache folder. */
  readonly cache: string;
  readonly now: () => Date;
}

/** This machine as a trust domain, with the collateral of its platform. */
export function openGuest({ collateralUrl, minEvaluation = 0, cache, now }: GuestOptions): {
  readonly attester: Attester;
  readonly collateral: CollateralSource;
  readonly trust: typeof intelTrust;
} {
  // Trustee's configuration, and with it the stack's `service.collateralUrl`, names the API below the service's address.
  const api = collateralUrl?.replace(/\/(?:sgx|tdx)\/certification\/v4\/?$/, "");
  const addresses = api === undefined ? intelAddresses : { ...intelAddresses, api };
  return {
    attester: createTsmAttester(),
    collateral: createPcsSource({ addresses, update: "standard", trust: intelTrust, minEvaluation, cache, now }),
    trust: intelTrust,
  };
}

export interface AttestedKeyOptions extends GuestOptions {
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
  /** Time-stamp authorities, 4 at most; Sigstore's own unless given. */
  readonly tsaUrls: readonly string[];
  readonly broker?: BrokerOptions;
}

/**
 * The signer of this machine. Nothing is asked yet. Throws ATTESTED_POLICY_HAS_TEE, ATTESTED_TOO_MANY_AUTHORITIES,
 * ATTESTED_TOO_FEW_AUTHORITIES (usage), and what requireSignerRoot throws.
 */
export function openAttestedKey(options: AttestedKeyOptions): AttestedSigner {
  const { policy, trustedRoot, tsaUrls, broker, now } = options;
  requireSignerPolicy(policy);
  requireSignerRoot(policy, trustedRoot, now());
  if (tsaUrls.length > mostTimestamps) {
    throw new Failure({
      code: "ATTESTED_TOO_MANY_AUTHORITIES",
      kind: "usage",
      message: `A signature carries the stamps of ${mostTimestamps} time-stamp authorities at most, and ${tsaUrls.length} are named.`,
      remedy: "Name as many as roots.tsa of the verifiers' policy asks for.",
    });
  }
  const authorities = tsaUrls.length === 0 ? publicGoodServices.tsaUrls : tsaUrls;
  if (new Set(authorities).size < policy.roots.tsa) {
    throw new Failure({
      code: "ATTESTED_TOO_FEW_AUTHORITIES",
      kind: "usage",
      message: `The policy "${policy.name}" asks for ${policy.roots.tsa} time-stamp authorities (roots.tsa), and ${new Set(authorities).size} ${authorities.length === 1 ? "is" : "are"} named: no signature could meet it.`,
      remedy: "Name as many: --tsa-url of each, or confidentialSigner.service.timestampUrl in the stack.",
    });
  }
  const guest = openGuest(options);
  return {
    ...guest,
    timestamps: authorities.map((url) => (data, signal) => requestTimestamp({ url, data, signal })),
    policy,
    trustedRoot,
    key: keyOf(broker, guest.attester, now),
    now,
  };
}

function keyOf(broker: BrokerOptions | undefined, attester: Attester, now: () => Date): AttestedKey {
  const resource = broker?.keyResource;
  if (broker === undefined || resource === undefined) return { kind: "ephemeral" };
  return {
    kind: "kbs-key",
    fetch: async (signal) => {
      const { url, trust } = broker;
      const request = { url, trust, resource, attester, now, ...(signal === undefined ? {} : { signal }) };
      const { bytes } = await fetchResource(request);
      try {
        return readBrokerKey(bytes);
      } finally {
        bytes.fill(0);
      }
    },
  };
}

/** The key broker's signing key. Throws ATTESTED_KEY_INVALID, which shows nothing of it. */
export function readBrokerKey(bytes: Uint8Array): KeyObject {
  try {
    const key = createPrivateKey({ key: Buffer.from(bytes), format: "pem" });
    if (key.asymmetricKeyDetails?.namedCurve === "prime256v1") return key;
  } catch {
    // What OpenSSL says of it is dropped, as nobody knows what it quotes.
  }
  throw new Failure({
    code: "ATTESTED_KEY_INVALID",
    kind: "usage",
    message:
      "What the key broker gave as signing key is no ECDSA P-256 key in PEM; it is not shown, as it is a secret.",
    remedy: "Publish a PKCS#8 key: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
  });
}

export interface PublisherOptions {
  /** `registry/path` of each that is published to. */
  readonly repositories: readonly string[];
  /** The measured policy: a registry that it does not name gets no credential. */
  readonly policy: TrustPolicy;
  readonly broker?: BrokerOptions;
  readonly attester: Attester;
  readonly now: () => Date;
}

/**
 * A way to the registry with what the key broker gives, or with docker's credentials where none is named. Nothing
 * is asked yet. Throws ATTESTED_REPOSITORY_UNLISTED, ATTESTED_REGISTRIES_DIFFER (usage).
 */
export function openPublisher(
  environment: Readonly<Record<string, string | undefined>>,
  { repositories, policy, broker, attester, now }: PublisherOptions,
  signal: AbortSignal,
): Publisher {
  for (const repository of repositories) requireListed(policy, repository);
  const resource = broker?.resource;
  if (broker === undefined || resource === undefined) return { client: openRegistry(environment, signal) };
  const { url, trust } = broker;
  const registry = oneRegistry(repositories);
  const fetch = async (): Promise<Uint8Array> =>
    (await fetchResource({ url, trust, resource, attester, now, signal })).bytes;
  const credentials = brokerCredentials(registry, fetch, () => now().getTime());
  return { client: createRegistryClient({ credentials, signal }), credential: () => credentials(registry) };
}

/** The key broker gives one credential, and it is one registry's: no other gets to see it. Throws ATTESTED_REGISTRIES_DIFFER (usage). */
function oneRegistry(repositories: readonly string[]): string {
  const [registry, ...others] = new Set(repositories.map((repository) => parseReference(repository).registry));
  if (registry !== undefined && others.length === 0) return registry;
  throw new Failure({
    code: "ATTESTED_REGISTRIES_DIFFER",
    kind: "usage",
    message: `The key broker's credential is one registry's, and the repositories are in ${registry === undefined ? "none" : [registry, ...others].join(", ")}.`,
    remedy: "Name repositories of one registry; have another signer watch the others.",
  });
}
