import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf, sha256Hex } from "../../../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../../../src/core/policy/trust-policy.ts";
import { trustPolicySchema } from "../../../../src/core/policy/trust-policy.ts";
import { parseStrictJson } from "../../../../src/core/json/strict-json.ts";
import type { Evidence, ReferrerEvidence } from "../../../../src/core/verify/evidence.ts";
import { withIndexBytes, withManifest, withReferrers } from "../../../support/evidence-changes.ts";
import { mutateBytes, mutateJson, randomFrom } from "../../../support/json-mutations.ts";
import type { Mutation, Random } from "../../../support/json-mutations.ts";
import { foundBytes, meaningOf, narrowedEvidence } from "../../../support/narrowed-evidence.ts";
import { referrerOf, startReleaseLab } from "../../../support/release-lab.ts";
import type { Kind } from "../../../support/release-lab.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";

/**
 * Mutations of everything that anybody may have written: none may be accepted with another meaning, none may throw, and memory stays
 * bounded. 1,000 unless MUTATIONS says otherwise; MUTATION_SEED repeats a run.
 */
const total = Number(process.env["MUTATIONS"] ?? 1000);
const seed = Number(process.env["MUTATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const mebibyte = 1024 * 1024;

const lab = await startReleaseLab();
const kinds: readonly Kind[] = ["signature", "manifest", "provenance", "sbom"];
const narrowed = new Map(kinds.map((kind) => [kind, narrowedEvidence(lab, kind)] as const));

function parsed(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}

/** One kind of document at a time: how many of the total, and how a mutated one is verified. */
interface Target {
  readonly name: string;
  readonly share: number;
  readonly original: Uint8Array;
  /** True when it was accepted; throws when its meaning changed. */
  readonly judge: (mutation: Mutation) => boolean | Promise<boolean>;
}

function accepted(kind: Kind, evidence: Evidence, what: string, policy = narrowed.get(kind)?.policy): boolean {
  const good = narrowed.get(kind);
  assert.ok(good !== undefined && policy !== undefined);
  const checked = lab.verify({ evidence, policy });
  if (!checked.ok) return false;
  const before = lab.verify({ evidence: good.evidence, policy: good.policy });
  assert.ok(before.ok);
  const { policyDigest } = before.proof.data;
  assert.deepEqual(meaningOf({ ...checked.proof.data, policyDigest }), meaningOf(before.proof.data), what);
  return true;
}

function policyOf(kind: Kind): { policy?: TrustPolicy } {
  const policy = narrowed.get(kind)?.policy;
  return policy === undefined ? {} : { policy };
}

function replaced(kind: Kind, changed: ReferrerEvidence): Evidence {
  const good = narrowed.get(kind);
  assert.ok(good !== undefined);
  return withReferrers(good.evidence, good.subject, (list) =>
    list.map((one) => (one === good.referrer ? changed : one)),
  );
}

const targets: Target[] = [...narrowed].flatMap(([kind, { subject, referrer, evidence }]): Target[] => [
  {
    name: `${kind}: bundle`,
    share: 0.15,
    original: foundBytes(referrer.bundle),
    judge: ({ what, bytes }) => accepted(kind, replaced(kind, referrerOf(lab.release, subject, bytes)), what),
  },
  {
    name: `${kind}: referrer's manifest`,
    share: 0.025,
    original: foundBytes(referrer.manifest),
    judge: ({ what, bytes }) => {
      const manifest = { kind: "found", value: bytes } as const;
      return accepted(kind, replaced(kind, { ...referrer, manifest, digest: digestOf(bytes) }), what);
    },
  },
  {
    name: `${kind}: statement, signed again`,
    share: 0.01,
    original: lab.statement(kind).payload,
    // A trusted signer may say something else: that it is read without a throw is all that can be asked.
    judge: async ({ bytes }) => {
      const evidence = replaced(kind, await lab.signed(kind, { payload: bytes }));
      return lab.verify({ evidence, ...policyOf(kind) }).ok;
    },
  },
  {
    name: `${kind}: trusted root, pinned`,
    share: 0.025,
    original: evidence.trustedRoot,
    judge: ({ what, bytes }) => {
      const good = narrowed.get(kind);
      const policy = { ...lab.policy, ...good?.policy };
      const sigstore = { ...policy.roots.sigstore, sha256: sha256Hex(bytes) };
      const pinned = { ...policy, roots: { ...policy.roots, sigstore } };
      return accepted(kind, { ...evidence, trustedRoot: bytes }, what, pinned);
    },
  },
]);

const signature = narrowed.get("signature");
assert.ok(signature !== undefined);
for (const [digest, answer] of lab.evidence.manifests) {
  const isIndex = digest === lab.evidence.digest;
  targets.push({
    name: isIndex ? "index" : `platform ${digest.slice(7, 15)}`,
    share: 0.04,
    original: foundBytes(answer),
    judge: ({ what, bytes }) => {
      const value = { kind: "found", value: bytes } as const;
      const served = accepted("signature", withManifest(signature.evidence, digest, value), what);
      // The same bytes must have been the original: another digest is another image.
      assert.equal(served && digestOf(bytes) !== digest, false, what);
      return isIndex ? accepted("signature", withIndexBytes(signature.evidence, bytes), what) || served : served;
    },
  });
}
targets.push({
  name: "policy",
  share: 0.04,
  original: Buffer.from(JSON.stringify(signature.policy)),
  judge: ({ bytes }) => {
    const read = parseStrictJson(bytes);
    const policy = trustPolicySchema.safeParse(read.ok ? read.value : undefined);
    // Another policy may rightly prove less or more: that it is read without a throw is all that can be asked.
    return policy.success && lab.verify({ evidence: signature.evidence, policy: policy.data }).ok;
  },
});

for (const target of targets) {
  const runs = Math.ceil(total * target.share);
  test(`${target.name}: ${runs} mutations, none accepted with another meaning, none throws (seed ${seed})`, async (t) => {
    const random: Random = randomFrom(seed + target.name.length * 7919);
    const document = parsed(target.original);
    // What is compiled and cached at first is not what the mutations cost.
    for (let run = 0; run < 10; run += 1)
      await target.judge({ ...mutateBytes(target.original, random), what: "warm-up" });
    const before = process.memoryUsage().rss;
    let taken = 0;
    for (let run = 0; run < runs; run += 1) {
      const mutation = run % 5 < 2 ? mutateBytes(target.original, random) : mutateJson(document, random);
      const what = `${target.name}, mutation ${run}: ${mutation.what}`;
      try {
        if (await target.judge({ ...mutation, what })) taken += 1;
      } catch (error) {
        throw new Error(what, { cause: error });
      }
    }
    const grown = (process.memoryUsage().rss - before) / mebibyte;
    t.diagnostic(`${taken} of ${runs} accepted with the same meaning; memory grew by ${grown.toFixed(0)} MiB`);
    // Whoever comes first pays for the heap's own growth, 280 to 310 MiB of it; nothing that a mutation says may cost more.
    assert.ok(grown < 600, `memory grew by ${grown} MiB`);
    assert.ok(taken < runs * 0.8 + 2, `${taken} of ${runs} accepted`);
  });
}

test("the originals are accepted, so that a refusal is the mutation's", () => {
  for (const [kind, { evidence, policy }] of narrowed)
    assert.deepEqual(codesOf(lab.verify({ evidence, policy })), [], kind);
});
