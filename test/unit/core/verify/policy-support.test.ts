import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { trustPolicyShape } from "../../../../src/core/policy/trust-policy.ts";
import type { Evidence } from "../../../../src/core/verify/evidence.ts";
import { checkSupport, policySupport } from "../../../../src/core/verify/check-support.ts";
import { sampleTee } from "../../../support/policies.ts";
import { rebuilderOf, rebuildStatement, withRebuilds } from "../../../support/rebuilds.ts";
import { labRepository, startReleaseLab } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

const lab = await startReleaseLab();
const alpha = { name: "alpha", number: 71 };
const alphas = { rebuilds: { perPlatform: 0, rebuilders: [rebuilderOf(alpha)], missing: "allow" } };
const digest = `sha256:${"0".repeat(64)}`;
const vulnerabilities = { signers: ["release"], maxAge: "1d", refuse: "high", vex: "ignore" };
const rollback = { digest: lab.evidence.digest, reason: "x", approvedBy: "x", expires: "2020-01-01T00:00:00Z" };
const waiver = {
  repository: labRepository,
  digests: [digest],
  namespaces: ["x"],
  reason: "x",
  expires: "2030-01-01T00:00:00Z",
};
const differs = await rebuildStatement(lab, alpha, "linux/amd64", { facts: { digest: `sha256:${"d".repeat(64)}` } });

/** A reusable workflow has to be pinned by commit; one that calls another is what callerWorkflow names. */
const pinned = { "signers.0.signerWorkflow.ref": undefined, "signers.0.signerWorkflow.sha": "0".repeat(40) };
const workflow = { repository: "m1k1o/neko", path: ".github/workflows/other.yml" };

/** What shows that a key is not ignored: another value, and the code that the good evidence then gets. */
type Shown =
  | { readonly change: Readonly<Record<string, unknown>>; readonly code: string }
  /** The schema has one value only. */
  | "constant"
  /** Says something to people. */
  | "not about releases";

const enforced = (value: unknown, code: string, more: Readonly<Record<string, unknown>> = {}) => ({
  value,
  code,
  more,
});
const whole = (key: "tee" | "vulnerabilities", value: unknown, code: string) => ({
  whole: { [key]: value },
  code,
});

type Entry = ReturnType<typeof enforced> | ReturnType<typeof whole> | Extract<Shown, string>;

/** Every leaf of the TrustPolicy, `[]` for the elements of a list. */
const leaves: Readonly<Record<string, Entry>> = {
  schema: "constant",
  name: "not about releases",
  environment: enforced("staging", "ROOT_LOCAL_OUTSIDE_LOCAL"),
  "images[].name": enforced("other", "MANIFEST_OTHER_IMAGE"),
  "images[].repository": enforced("127.0.0.1:5001/other", "IMAGE_NOT_IN_POLICY"),
  "images[].mirrors[]": enforced(["127.0.0.1:5001/other"], "IMAGE_NOT_IN_POLICY", {
    "images.0.repository": "127.0.0.1:1/a",
  }),
  "images[].platforms[]": enforced(["linux/amd64"], "PLATFORM_SET_MISMATCH"),
  "roots.sigstore.sha256": enforced("0".repeat(64), "ROOT_DIGEST_MISMATCH"),
  "roots.sigstore.fetched": enforced("2020-01-01T00:00:00Z", "ROOT_TOO_OLD"),
  "roots.sigstore.maxAge": enforced("1s", "ROOT_TOO_OLD", { "roots.sigstore.fetched": "2026-01-01T00:00:00Z" }),
  "roots.tlog": enforced(2, "BUNDLE_THRESHOLD"),
  "roots.ct": enforced(2, "BUNDLE_THRESHOLD"),
  "roots.tsa": enforced(2, "BUNDLE_THRESHOLD"),
  "signers[].id": enforced("other", "REVOKED", {
    require: { signature: ["other"], manifest: ["other"], provenance: ["other"], sbom: ["other"] },
    revoked: ["other"],
  }),
  "signers[].issuer": enforced("https://other.example", "IDENTITY_ISSUER_MISMATCH"),
  "signers[].repository": enforced("m1k1o/other", "IDENTITY_EXTENSION_MISMATCH", {
    "signers.0.signerWorkflow.repository": "m1k1o/other",
    "signers.0.callerWorkflow.repository": "m1k1o/other",
  }),
  "signers[].repositoryId": enforced("7", "IDENTITY_EXTENSION_MISMATCH"),
  "signers[].ownerId": enforced("7", "IDENTITY_EXTENSION_MISMATCH"),
  "signers[].signerWorkflow.repository": enforced("m1k1o/other", "IDENTITY_SUBJECT_MISMATCH", {
    "signers.0.repository": "m1k1o/other",
    "signers.0.callerWorkflow.repository": "m1k1o/other",
  }),
  "signers[].signerWorkflow.path": enforced(workflow.path, "IDENTITY_SUBJECT_MISMATCH", {
    "signers.0.callerWorkflow.path": workflow.path,
  }),
  "signers[].signerWorkflow.sha": enforced("0".repeat(40), "IDENTITY_SUBJECT_MISMATCH", {
    "signers.0.signerWorkflow.ref": undefined,
  }),
  "signers[].signerWorkflow.ref": enforced("refs/heads/main", "IDENTITY_SUBJECT_MISMATCH"),
  "signers[].callerWorkflow.repository": enforced("m1k1o/other", "IDENTITY_EXTENSION_MISMATCH", pinned),
  "signers[].callerWorkflow.path": enforced(workflow.path, "IDENTITY_EXTENSION_MISMATCH", pinned),
  "signers[].refs[]": enforced(["refs/heads/main"], "IDENTITY_REF_NOT_ALLOWED"),
  "signers[].triggers[]": enforced(["schedule"], "IDENTITY_TRIGGER_NOT_ALLOWED"),
  "signers[].environment": enforced("production", "IDENTITY_EXTENSION_MISMATCH"),
  "signers[].runner": enforced("self-hosted", "IDENTITY_EXTENSION_MISMATCH"),
  "require.signature[]": enforced(["release"], "STATEMENT_MISSING"),
  "require.manifest[]": enforced([], "STATEMENT_MISSING"),
  "require.provenance[]": enforced(["release"], "STATEMENT_MISSING"),
  "require.sbom[]": enforced(["release"], "STATEMENT_MISSING"),
  "provenance.builderIds[]": enforced(["https://github.com/x"], "PROVENANCE_BUILDER_NOT_ALLOWED"),
  "provenance.buildTypes[]": enforced(["https://x.example"], "PROVENANCE_BUILD_TYPE_NOT_ALLOWED"),
  "provenance.externalParameters{}": enforced({}, "PROVENANCE_PARAMETER_UNKNOWN"),
  "sbom.formats[]": enforced(["cyclonedx"], "SBOM_FORMAT_NOT_ALLOWED"),
  "sbom.closure": "constant",
  legacySignatures: enforced("allow", "LEGACY_SIGNATURE_INVALID"),
  "rebuilds.perPlatform": enforced(1, "REBUILD_QUORUM", alphas),
  "rebuilds.rebuilders[]": enforced(alphas.rebuilds.rebuilders, "REBUILD_MISMATCH"),
  "rebuilds.missing": enforced("refuse", "REBUILD_MISSING", alphas),
  tee: whole("tee", sampleTee, "TEE_SIGNATURE_MISSING"),
  vulnerabilities: whole("vulnerabilities", vulnerabilities, "STATEMENT_MISSING"),
  "freshness.minVersion": enforced("9.0.0", "VERSION_TOO_OLD"),
  "freshness.maxAge": enforced("1s", "RELEASE_TOO_OLD"),
  "freshness.rollback": enforced(rollback, "ROLLBACK_EXPIRED", { "freshness.minVersion": "9.0.0" }),
  "revoked[]": enforced([lab.evidence.digest], "REVOKED"),
  "thirdParty[]": enforced([waiver], "THIRD_PARTY_DIGEST_NOT_LISTED", { "images.0.repository": "127.0.0.1:1/a" }),
};

/** Below these, the whole is told: it is a schema of its own, whose fields other tests break (rule-6, rule-7, rule-8). */
const told = ["rebuilds.rebuilders[]", "tee", "vulnerabilities", "freshness.rollback", "thirdParty[]"];

/** Paths of the schema's leaves. A kind of schema that is not known here fails: a new one must not slip through. */
function leavesOf(schema: z.core.$ZodType, path: string): string[] {
  if (told.includes(path)) return [path];
  if (schema instanceof z.ZodOptional) return leavesOf(schema.def.innerType, path);
  if (schema instanceof z.ZodArray) return leavesOf(schema.def.element, `${path}[]`);
  if (schema instanceof z.ZodRecord) return [`${path}{}`];
  if (schema instanceof z.ZodObject) {
    return Object.entries<z.core.$ZodType>(schema.def.shape).flatMap(([key, value]) =>
      leavesOf(value, path === "" ? key : `${path}.${key}`),
    );
  }
  if (schema instanceof z.ZodUnion) return [...new Set(schema.def.options.flatMap((option) => leavesOf(option, path)))];
  const scalar = [z.ZodString, z.ZodNumber, z.ZodEnum, z.ZodLiteral, z.ZodISODateTime, z.ZodCustom];
  if (scalar.some((kind) => schema instanceof kind)) return [path];
  throw new Error(`${path}: this test does not know schemas of type ${schema._zod.def.type}`);
}

test("the table names every key of the schema, and nothing else", () => {
  assert.deepEqual(Object.keys(leaves).sort(), [...new Set(leavesOf(trustPolicyShape, ""))].sort());
});

test("the code's own list has every top-level key", () => {
  assert.deepEqual(Object.keys(policySupport).sort(), Object.keys(trustPolicyShape.shape).sort());
  const about = (entry: Entry): string => {
    if (entry === "constant") return "enforced";
    if (entry === "not about releases") return "descriptive";
    return "enforced";
  };
  for (const [key, entry] of Object.entries(leaves)) {
    const top = key.split(/[.[{]/)[0] as keyof typeof policySupport;
    assert.equal(policySupport[top], about(entry), key);
  }
});

/** Other evidence than the good one, where the key's own value is the demand. */
const other: Readonly<Record<string, Evidence>> = {
  "require.signature[]": lab.without("signature"),
  "require.provenance[]": lab.without("provenance"),
  "require.sbom[]": lab.without("sbom"),
  legacySignatures: {
    ...lab.without("signature"),
    legacySignatures: {
      kind: "found",
      value: [{ digest: digestOf("{}"), payload: { kind: "found", value: Buffer.from("{}") }, annotations: {} }],
    },
  },
  "rebuilds.perPlatform": withRebuilds(lab, { alpha: {} }),
  "rebuilds.rebuilders[]": withRebuilds(lab, { alpha: { "linux/amd64": [differs] } }),
  "rebuilds.missing": withRebuilds(lab, { alpha: {} }),
};

for (const [key, entry] of Object.entries(leaves)) {
  if (typeof entry === "string") continue;
  test(`${key} is not ignored: ${entry.code}`, () => {
    const change = "whole" in entry ? entry.whole : { ...entry.more, [pathOf(key)]: entry.value };
    const evidence = other[key];
    const now = key === "freshness.maxAge" ? new Date(lab.now.getTime() + 60_000) : new Date();
    const checked = lab.verify({
      policy: lab.policyWith(change),
      now,
      ...(evidence === undefined ? {} : { evidence }),
    });
    assert.ok(codesOf(checked).includes(entry.code), `${key}: ${codesOf(checked).join() || "verified"}`);
  });
}

/** Where to put the value: lists of lists by their first element, a list at the end as a whole. */
function pathOf(key: string): string {
  return key.replace(/(?:\[\]|\{\})$/, "").replaceAll("[]", ".0");
}

test("a demand that a version can't enforce is refused, and what is not demanded is not", () => {
  const support = { ...policySupport, tee: "unsupported" } as const;
  const demanding = checkSupport(lab.policyWith({ tee: sampleTee }), support);
  assert.deepEqual(codesOf(demanding), ["POLICY_UNSUPPORTED"]);
  assert.ok(!demanding.ok && demanding.findings[0].subject.endsWith(", tee"));
  assert.deepEqual(codesOf(checkSupport(lab.policy, support)), []);
});

test("what is not demanded is not refused: require without signers, nothing rebuilt, nobody revoked", () => {
  for (const [kind, missing] of [
    ["signature", lab.without("signature")],
    ["provenance", lab.without("provenance")],
    ["sbom", lab.without("sbom")],
  ] as const) {
    const policy = lab.policyWith({ [`require.${kind}`]: [] });
    assert.deepEqual(codesOf(lab.verify({ policy, evidence: missing })), [], kind);
  }
});
