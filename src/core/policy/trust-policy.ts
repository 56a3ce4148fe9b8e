import { z } from "zod";
import { durationPattern } from "../duration.ts";
import { digestSchema } from "../oci/formats.ts";
import { versionSchema } from "../version.ts";
import { parameterRuleSchema } from "./parameter-rule.ts";
import { isRepository } from "../release/reference.ts";
import { tcbStatuses } from "../tdx/contract.ts";
import { isZeroHex } from "../zero-hex.ts";
import { policyRelations } from "./policy-relations.ts";

/**
 * The TrustPolicy: whom a stack trusts, for what, and what evidence it demands. Strict: an unknown key refuses, and no
 * default widens what is trusted. Every compiler and verifyRelease read this one object.
 */

const text = z.string().min(1).max(512);
const name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "must be lower-case letters, digits and dashes");
const duration = z.string().regex(durationPattern, "must be a whole number and one of s, m, h, d, for example 90d");
const httpsUrl = z
  .string()
  .regex(/^https:\/\/[^\s@?#]+$/, "must be an https URL without credentials, query or fragment");
const gitHubRepository = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._-]+$/, "must be owner/name");
/** "0" is nobody's: it stands for an id that was not filled in yet, and no certificate matches it. */
const numericId = z.string().regex(/^(?:0|[1-9][0-9]{0,19})$/, "must be the numeric id, quoted");
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");
const workflowPath = z
  .string()
  .regex(/^\.github\/workflows\/[A-Za-z0-9._-]+\.ya?ml$/, "must be .github/workflows/<file>.yml");
const imageRepository = z
  .string()
  .regex(
    /^[a-z0-9.-]+(?::[0-9]{1,5})?\/[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/,
    "must be registry/path, without tag or digest",
  )
  // One grammar with references: what a policy names and what a registry is asked for are the same string.
  .refine(isRepository, "must be registry/path, without tag or digest");
const platform = z.string().regex(/^linux\/(?:amd64|arm64)(?:\/v[0-9]+)?$/, "must be linux/amd64 or linux/arm64");
const date = z.iso.datetime({ message: "must be an ISO 8601 date and time in UTC, for example 2026-11-23T00:00:00Z" });

/** A full ref; one `*` at the end stands for one path segment's rest: `refs/tags/v*` matches no further slash. */
const refPattern = z
  .string()
  .regex(/^refs\/(?:heads|tags)\/[^*\s]*\*?$/, "must be a full ref, with at most one * at its end");

const workflow = z.strictObject({ repository: gitHubRepository, path: workflowPath });

const signerWorkflow = z.union(
  [
    // A reusable workflow: pinned by the commit that it ran from.
    workflow.extend({ sha: z.string().regex(/^[0-9a-f]{40}$/, "must be a full commit SHA") }),
    // The workflow of the source repository itself (also callerWorkflow): its ref is the source's, which `refs` restricts.
    workflow.extend({ ref: z.literal("source") }),
    workflow.extend({ ref: z.string().regex(/^refs\/(?:heads|tags)\/[^*\s]+$/, "must be a full ref") }),
  ],
  { error: 'must have repository, path and one of sha: <commit>, ref: "source", ref: refs/…' },
);

export const signerSchema = z.strictObject({
  id: name,
  issuer: httpsUrl,
  /** The source repository (certificate extension .12). */
  repository: gitHubRepository,
  repositoryId: numericId,
  ownerId: numericId,
  signerWorkflow,
  callerWorkflow: workflow,
  refs: z.array(refPattern).min(1),
  triggers: z.array(z.enum(["push", "release", "schedule", "workflow_dispatch", "create"])).min(1),
  environment: text.optional(),
  runner: z.enum(["github-hosted", "self-hosted"]),
});
export type Signer = z.infer<typeof signerSchema>;

const image = z.strictObject({
  /** What the release manifest calls the product: a proof for one image must not count for another of the policy. */
  name: text,
  repository: imageRepository,
  mirrors: z.array(imageRepository),
  platforms: z.array(platform).min(1),
});

const roots = z.strictObject({
  /** `sha256` of trusted_root.json's bytes; `fetched` is when it was last updated over TUF, `maxAge` counts from there. */
  sigstore: z.strictObject({ sha256: sha256Hex, fetched: date, maxAge: duration }),
  tlog: z.int().min(1).max(9),
  ct: z.int().min(1).max(9),
  tsa: z.int().min(1).max(9),
});

const signerIds = z.array(name);
const required = z.strictObject({ signature: signerIds, manifest: signerIds, provenance: signerIds, sbom: signerIds });

const provenance = z.strictObject({
  /** Builder workflow URIs without `@ref`: the ref is the certificate's, which the signer's rules restrict. */
  builderIds: z.array(httpsUrl),
  buildTypes: z.array(httpsUrl),
  /** Every allowed parameter, by name; one that is not listed refuses (SLSA v1.2, verifying artifacts, step 3). */
  externalParameters: z.record(z.string(), parameterRuleSchema),
});

const sbom = z.strictObject({
  formats: z.array(z.enum(["spdx-2.3", "cyclonedx"])),
  /** The SBOM must list the closure whose digest the release manifest names. */
  closure: z.literal("required"),
});

/** Who signs a rebuild statement: as a signer, but its id is the rebuilder's. */
const rebuilderIdentity = signerSchema.omit({ id: true });

const rebuilder = z.strictObject({
  id: name,
  /** The organization that answers for it: rebuilds are counted by distinct operators. */
  operator: text,
  identity: rebuilderIdentity,
  /** The repository that it publishes its statements in. */
  location: imageRepository,
});
export type Rebuilder = z.infer<typeof rebuilder>;

const rebuilds = z.strictObject({
  /** Distinct operators that have to have got the same bytes, for each platform. */
  perPlatform: z.int().min(0).max(9),
  rebuilders: z.array(rebuilder).max(32),
  /** `refuse`: every listed rebuilder must have spoken, so that nobody can withhold a rebuild that differs. */
  missing: z.enum(["allow", "refuse"]),
});

const ppid = z.string().regex(/^[0-9a-f]{32}$/, "must be a PPID of 32 hex digits");
const sha384Hex = z.string().regex(/^[0-9a-f]{96}$/, "must be 96 lower-case hex digits");
/** A register that nothing was measured into says nothing about what booted. */
const measured = sha384Hex.refine((value) => !isZeroHex(value), "must not be all zero: then it proves nothing");
const measurements = z.array(measured).min(1, "must not be empty").max(64);

/** Statuses that a policy can allow: a revoked platform's quote proves nothing. */
const allowedStatuses = tcbStatuses.filter((status) => status !== "Revoked");

const tee = z.strictObject({
  /** Index digest of the release that signs, verified first under a policy without `tee`: RTMR1 and RTMR2 are its manifest's. */
  signerRelease: digestSchema,
  /** MRTDs of the firmware that its machines may have: what is measured first vouches for all that follows. */
  mrtd: measurements,
  /** RTMR0 of these machines: firmware configuration, Secure Boot state, ACPI tables. */
  rtmr0: measurements,
  /** SHA-256 of the RFC 8785 form of the policies that it may have verified under. */
  policyDigests: z.array(sha256Hex).min(1, "must not be empty").max(64),
  /** PPIDs of the machines that may sign; empty leaves the platform unbound, which every result says. */
  platforms: z.array(ppid).max(1024),
  statuses: z
    .array(z.enum(allowedStatuses, `must be one of ${allowedStatuses.join(", ")}`))
    .min(1, "must not be empty"),
  advisoriesAllowed: z.array(z.string().regex(/^INTEL-SA-[0-9]{5}$/, "must be INTEL-SA- and five digits")).max(256),
  minEvaluation: z.int().min(1),
  /** Overturns what was good when it was signed: a PPID, a measurement, the digest of a signer's release, policy or signature. */
  revoked: z
    .array(z.union([ppid, sha384Hex, digestSchema], { error: "must be a PPID, a measurement or a digest (sha256:…)" }))
    .max(1024),
});

const vulnerabilities = z.strictObject({
  /** Whose scans count: ids of signers. */
  signers: z.array(name).min(1),
  /** Of the newest scan, and of the database that it used. */
  maxAge: duration,
  refuse: z.enum(["low", "medium", "high", "critical"]),
  vex: z.enum(["ignore", "honour"]),
});

const freshness = z.strictObject({
  minVersion: versionSchema,
  maxAge: duration,
  rollback: z.strictObject({ digest: digestSchema, reason: text, approvedBy: text, expires: date }).optional(),
});

const revoked = z.array(z.union([digestSchema, name], { error: "must be a digest, a signer id or a rebuilder id" }));

const thirdParty = z.array(
  z.strictObject({
    repository: imageRepository,
    digests: z.array(digestSchema).min(1),
    namespaces: z.array(name).min(1),
    reason: text,
    expires: date,
  }),
);

const shape = z.strictObject({
  schema: z.literal(1),
  name,
  environment: z.enum(["local", "staging", "production"]),
  images: z.array(image).min(1),
  roots,
  signers: z.array(signerSchema),
  require: required,
  /** Whether a signature of cosign's older form (tag `sha256-….sig`) counts as one. Left out: it does not. */
  legacySignatures: z.literal("allow").optional(),
  provenance,
  sbom,
  rebuilds,
  tee: tee.optional(),
  vulnerabilities: vulnerabilities.optional(),
  freshness,
  revoked,
  thirdParty,
});

/** The whole policy. Its relations are checked also where other fields are at fault, so that all faults come at once. */
export const trustPolicySchema = shape.superRefine(
  (policy, context) => {
    for (const { path, message } of policyRelations(policy)) context.addIssue({ code: "custom", path, message });
  },
  { when: () => true },
);

/** Fields in the schema's order, as they are once they are valid. */
export type TrustPolicy = z.infer<typeof trustPolicySchema>;

/** The policy's fields without the cross-field rules, for the published JSON Schema and the support table's test. */
export const trustPolicyShape = shape;
