import { z } from "zod";
import { Failure } from "../../failure.ts";
import { describeJsonProblem, parseStrictJson } from "../../json/strict-json.ts";
import { sha256Hex } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { safeParse } from "../../safe-parse.ts";

/** The Sigstore instance that signed what an engine is to verify. */
export type EngineRoots = {
  /** The bytes of trusted_root.json: those that the policy pins. */
  readonly trustedRoot: Uint8Array;
} & (
  | { readonly kind: "public-good" }
  /** An instance of one's own: where engines fetch its root, which they do even when it is given to them. */
  | { readonly kind: "private"; readonly tuf: TufRepository }
);

export interface TufRepository {
  readonly mirror: string;
  /** base64 of the mirror's root.json. */
  readonly root: string;
}

/** What engines are told of a root. */
export interface RootFacts {
  /** trusted_root.json on one line, without the newer field `operator`: policy-controller refuses fields that it doesn't know. */
  readonly json: string;
  readonly rekorUrl: string;
  readonly fulcioUrl: string;
  /** PEM of the present timestamp authority's chain; undefined where the root has none. */
  readonly timestampChain: string | undefined;
}

const window = z.looseObject({ start: z.string().optional(), end: z.string().optional() });
const log = z.looseObject({
  baseUrl: z.string().min(1),
  publicKey: z.looseObject({ validFor: window.optional() }),
});
const authority = z.looseObject({
  uri: z.string().min(1).optional(),
  certChain: z.looseObject({ certificates: z.array(z.looseObject({ rawBytes: z.string() })).min(1) }),
  validFor: window.optional(),
});
const document = z.looseObject({
  tlogs: z.array(log).min(1),
  certificateAuthorities: z.array(authority).min(1),
  ctlogs: z.array(log).min(1),
  timestampAuthorities: z.array(authority).optional(),
});

/** Reads a root that the policy pins. Throws ENGINE_ROOT_MISMATCH (refused) and ENGINE_ROOT_INVALID (usage). */
export function rootFacts(policy: TrustPolicy, roots: EngineRoots): RootFacts {
  const found = sha256Hex(roots.trustedRoot);
  if (found !== policy.roots.sigstore.sha256) throw otherRoot(policy, found);
  const json = parseStrictJson(roots.trustedRoot);
  if (!json.ok) throw invalidRoot(describeJsonProblem(json.problem));
  const parsed = safeParse(document, json.value);
  if (!parsed.success) {
    throw invalidRoot(parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  }
  const { tlogs, certificateAuthorities, timestampAuthorities = [] } = parsed.data;
  const rekorUrl = present(tlogs, (entry) => entry.publicKey.validFor).baseUrl;
  const fulcioUrl = present(certificateAuthorities, (entry) => entry.validFor).uri;
  if (fulcioUrl === undefined) throw invalidRoot("its certificate authority has no uri");
  const stamps = timestampAuthorities.length === 0 ? undefined : present(timestampAuthorities, (tsa) => tsa.validFor);
  return {
    json: JSON.stringify(json.value, (key, value: unknown) => (key === "operator" ? undefined : value)),
    rekorUrl,
    fulcioUrl,
    timestampChain: stamps?.certChain.certificates.map(({ rawBytes }) => pem(rawBytes)).join(""),
  };
}

/** The first that has no end; the last one where all have ended. The lists are not empty. */
function present<T>(entries: readonly T[], validFor: (entry: T) => z.infer<typeof window> | undefined): T {
  const found = entries.find((entry) => validFor(entry)?.end === undefined) ?? entries.at(-1);
  if (found === undefined) throw invalidRoot("it has an empty list");
  return found;
}

function pem(base64: string): string {
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function otherRoot(policy: TrustPolicy, found: string): Failure {
  return new Failure({
    code: "ENGINE_ROOT_MISMATCH",
    kind: "refused",
    message: `The trusted root has the SHA-256 ${found}, but policy "${policy.name}" pins ${policy.roots.sigstore.sha256}.`,
    remedy: "Give the root that the policy pins; neko-trust root update changes both together.",
  });
}

function invalidRoot(why: string): Failure {
  return new Failure({
    code: "ENGINE_ROOT_INVALID",
    kind: "usage",
    message: `The trusted root can't be compiled for an engine: ${why}.`,
    remedy: "Fetch trusted_root.json again with neko-trust root update.",
  });
}
