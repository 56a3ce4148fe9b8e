import type { X509Certificate } from "@sigstore/core";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toTrustMaterial } from "@sigstore/verify";
import type { TrustMaterial } from "@sigstore/verify";
import { z } from "zod";
import { reasonOf } from "../failure.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { sha256Hex } from "../oci/digest.ts";
import { schemaFaults } from "../schema-faults.ts";
import { proven, refuse } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { safeParse } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";
import { remembering } from "./certificate-memory.ts";

/**
 * The organization (O) in the subject of every certificate authority that a lab makes. Verification refuses a root
 * that names it unless the policy's environment is `local`.
 */
export const labOrganization = "NEKO-LAB-NOT-FOR-PRODUCTION";

/** A trusted root that was read strictly, ready for verification. */
export interface TrustedRootMaterial {
  /** SHA-256 of the file's bytes, 64 lower-case hex digits: what a policy pins. */
  readonly sha256: string;
  /** True when any authority, or any certificate of one, carries `labOrganization`. */
  readonly lab: boolean;
  /** What the verification library takes. */
  readonly material: TrustMaterial;
}

const base64 = z
  .string()
  .max(65536)
  .refine((text) => text !== "" && decodeBase64(text) !== undefined, "must be canonical base64, not empty");
const time = z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" });
const window = z.strictObject({ start: time.optional(), end: time.optional() });
const keyId = z.strictObject({ keyId: base64 });

const log = z.strictObject({
  baseUrl: z.string().min(1).max(2048),
  hashAlgorithm: z.literal("SHA2_256"),
  publicKey: z.strictObject({ rawBytes: base64, keyDetails: z.string(), validFor: window.optional() }),
  logId: keyId,
  checkpointKeyId: keyId.optional(),
  operator: z.string().optional(),
});

const authority = z.strictObject({
  subject: z.strictObject({ organization: z.string().optional(), commonName: z.string().optional() }).optional(),
  uri: z.string().max(2048).optional(),
  certChain: z.strictObject({
    certificates: z
      .array(z.strictObject({ rawBytes: base64 }))
      .min(1)
      .max(10),
  }),
  validFor: window.optional(),
  operator: z.string().optional(),
});

// An unknown key refuses: a misspelt `end` would else mean "for ever".
const rootSchema = z.strictObject({
  mediaType: z.enum([
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
  ]),
  tlogs: z.array(log).max(100).optional(),
  certificateAuthorities: z.array(authority).max(100).optional(),
  ctlogs: z.array(log).max(100).optional(),
  timestampAuthorities: z.array(authority).max(100).optional(),
});
type RootDocument = z.infer<typeof rootSchema>;

const subject = "trusted_root.json";
const remedy = "Fetch trusted_root.json again over TUF, and compare its SHA-256 with the one that the policy names.";

/**
 * What a root is for. `keyless` roots verify certificates, and one without authorities or logs is no root at all; `keys`
 * also takes one that names no more than what the bundles of given keys need (protobuf-specs demands no list).
 */
export type RootUse = "keyless" | "keys";

/**
 * Reads trusted_root.json (protobuf-specs, sigstore_trustroot.proto). Pure: no TUF, no network. Refuses with
 * ROOT_INVALID, or with ROOT_KEY_WITHOUT_START when a log or authority does not say from when on it is valid: without a
 * start, a key would vouch for any past time. The windows' ends are inclusive.
 */
export function readTrustedRoot(bytes: Uint8Array, use: RootUse = "keyless"): Checked<TrustedRootMaterial> {
  const sha256 = sha256Hex(bytes);
  if (last?.sha256 !== sha256 || last.use !== use) last = { sha256, use, root: readRoot(bytes, sha256, use) };
  return last.root;
}

/** The root that was read last. Releases are verified under one, and what it is follows from its bytes alone. */
let last: { readonly sha256: string; readonly use: RootUse; readonly root: Checked<TrustedRootMaterial> } | undefined;

function readRoot(bytes: Uint8Array, sha256: string, use: RootUse): Checked<TrustedRootMaterial> {
  const invalid = (found: string) =>
    refuse("ROOT_INVALID", { subject, expected: "a Sigstore trusted root", found, remedy });
  const json = parseStrictJson(bytes, { maxBytes: 4 * 1024 * 1024, maxDepth: 16 });
  if (!json.ok) return invalid(describeJsonProblem(json.problem));
  const parsed = safeParse(rootSchema, json.value);
  if (!parsed.success) {
    const faults = schemaFaults(parsed.error, json.value).slice(0, 5);
    return invalid(faults.map((fault) => `${fault.path}: ${fault.allowed} (found ${fault.found})`).join("; "));
  }
  const { tlogs = [], ctlogs = [], certificateAuthorities = [] } = parsed.data;
  const empty = Object.entries({ tlogs, ctlogs, certificateAuthorities }).filter(([, list]) => list.length === 0);
  if (use === "keyless" && empty.length > 0) return invalid(`no ${empty.map(([name]) => name).join(", no ")}`);
  const without = withoutStart(parsed.data);
  if (without.length > 0) {
    return refuse("ROOT_KEY_WITHOUT_START", {
      subject,
      expected: "validFor.start for every key",
      found: `none for ${without.join(", ")}`,
      remedy,
    });
  }
  const twice = repeatedLog(tlogs) ?? repeatedLog(ctlogs);
  if (twice !== undefined) return invalid(`the log id ${twice} appears twice`);
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(json.value));
    for (const { certChain } of [...material.certificateAuthorities, ...material.timestampAuthorities]) {
      certChain.forEach(remembering);
    }
    return proven({ sha256, lab: isLab(parsed.data, material), material });
  } catch (error) {
    return invalid(reasonOf(error));
  }
}

function withoutStart(root: RootDocument): string[] {
  return [
    ...[...(root.tlogs ?? []), ...(root.ctlogs ?? [])]
      .filter((entry) => entry.publicKey.validFor?.start === undefined)
      .map((entry) => entry.baseUrl),
    ...[...(root.certificateAuthorities ?? []), ...(root.timestampAuthorities ?? [])]
      .filter((entry) => entry.validFor?.start === undefined)
      .map((entry) => entry.uri ?? entry.subject?.commonName ?? "an authority"),
  ];
}

/**
 * Two logs with one id would make "distinct logs" ambiguous. A transparency log and a certificate log may share a key:
 * they are counted apart, and what they sign has different forms.
 */
function repeatedLog(logs: readonly z.infer<typeof log>[]): string | undefined {
  const seen = new Set<string>();
  return logs.map((entry) => entry.logId.keyId).find((id) => seen.size === seen.add(id).size);
}

function isLab(root: RootDocument, material: TrustMaterial): boolean {
  const said = [...(root.certificateAuthorities ?? []), ...(root.timestampAuthorities ?? [])];
  const parsed = [...material.certificateAuthorities, ...material.timestampAuthorities];
  return (
    said.some((entry) => entry.subject?.organization === labOrganization) ||
    parsed.some(({ certChain }) => certChain.some(namesLab))
  );
}

/** The organization's ASCII bytes anywhere in a name: every DER string type that a certificate uses shows them. */
function namesLab({ subject: name, issuer }: X509Certificate): boolean {
  return [name, issuer].some((bytes) => bytes.includes(labOrganization, 0, "latin1"));
}
