import assert from "node:assert/strict";
import { test } from "node:test";
import { releaseListAction } from "../../../../src/cli/actions/release-list.ts";
import { releaseTagAction } from "../../../../src/cli/actions/release-tag.ts";
import { trustOf } from "../../../../src/cli/actions/trust-options.ts";
import { Failure } from "../../../../src/core/failure.ts";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { noDigest, refusalOf, signerStackLab, stackLab } from "../../../support/stack-lab.ts";
import type { StackLab } from "../../../support/stack-lab.ts";

const lab = await startReleaseLab();
const present = lab.evidence.digest;

const tagged = (stack: StackLab, tag: string): string | undefined => {
  const found = stack.served.registry.manifests.get(tag);
  return found === undefined ? undefined : digestOf(found.body);
};

test("gives a proven release the tag, which then names the very bytes that were verified; again it changes nothing", async (t) => {
  const stack = await stackLab(t, lab);
  const reference = `${stack.repository}@${present}`;
  const first = await releaseTagAction("local", reference, "1.2.3", {}, stack.context);
  assert.equal(first.exitCode, 0, first.lines.join("\n"));
  assert.equal(tagged(stack, "1.2.3"), present);
  assert.deepEqual(first.lines.slice(1), [`${stack.repository}:1.2.3 names it now.`]);
  const second = await releaseTagAction("local", reference, "1.2.3", {}, stack.context);
  assert.equal((second.document as { written: boolean }).written, false);
});

test("a tag that names another digest is moved only when told to", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  await releaseTagAction("local", `${stack.repository}@${present}`, "latest", {}, stack.context);
  const call = () => releaseTagAction("local", `${stack.repository}@${next}`, "latest", {}, stack.context);
  assert.equal((await refusalOf(stack, call)).code, "TAG_TAKEN");
  assert.equal(tagged(stack, "latest"), present);
  const moved = await releaseTagAction("local", `${stack.repository}@${next}`, "latest", { move: true }, stack.context);
  assert.equal((moved.document as { before: string }).before, present);
  assert.equal(tagged(stack, "latest"), next);
});

test("a release that is not proven gets no tag: exit 1, with the findings", async (t) => {
  const stack = await stackLab(t, lab);
  stack.withdraw(present);
  const outcome = await releaseTagAction("local", `${stack.repository}@${present}`, "1.2.3", {}, stack.context);
  assert.equal(outcome.exitCode, 1);
  assert.equal(tagged(stack, "1.2.3"), undefined);
  assert.ok(
    outcome.lines.some((line) => line.includes("STATEMENT_MISSING")),
    outcome.lines.join("\n"),
  );
  assert.equal(outcome.lines.at(-1), `${stack.repository}:1.2.3 was not changed.`);
});

test("with asSigner, the policy and the root are those of the stack's signerRelease, and the stack's own have no say", async (t) => {
  const stack = await signerStackLab(t, lab, { trustedRoot: "no-such-root.json" });
  const reference = `${stack.repository}@${present}`;
  const outcome = await releaseTagAction("local", reference, "1.2.3", { asSigner: true }, stack.context);
  assert.equal(outcome.exitCode, 0, outcome.lines.join("\n"));
  assert.match(outcome.lines[0] ?? "", /^✓ verified under policy "neko-lab-signer"/);
  assert.equal(tagged(stack, "1.2.3"), present);
});

test("without it, the signer's release is refused under the stack's policy", async (t) => {
  const stack = await signerStackLab(t, lab);
  const outcome = await releaseTagAction("local", `${stack.repository}@${present}`, "1.2.3", {}, stack.context);
  assert.equal(outcome.exitCode, 1);
  assert.match(outcome.lines.join("\n"), /IMAGE_NOT_IN_POLICY/);
  assert.equal(tagged(stack, "1.2.3"), undefined);
});

test("a stack without signerRelease has no policy that asSigner could take", async (t) => {
  const stack = await stackLab(t, lab);
  const call = () =>
    releaseTagAction("local", `${stack.repository}@${present}`, "1.2.3", { asSigner: true }, stack.context);
  assert.equal((await refusalOf(stack, call)).code, "SIGNER_RELEASE_UNNAMED");
  assert.equal(tagged(stack, "1.2.3"), undefined);
});

test("a policy that is a file is the one to verify under: asSigner beside it, or alone, is refused", async (t) => {
  const { context } = await stackLab(t, lab);
  for (const options of [{ policy: "policy.yaml", trustedRoot: "trusted_root.json" }, {}]) {
    assert.throws(
      () => trustOf({ ...options, asSigner: true }, context),
      (error) => error instanceof Failure && error.code === "POLICY_NOT_NAMED" && /--as-signer/.test(error.remedy),
    );
  }
});

for (const [what, reference, tag, code] of [
  ["a tag instead of a digest", ":1.2.3", "1.2.3", "REFERENCE_NEEDS_DIGEST"],
  ["a digest that nothing has", `@${noDigest}`, "1.2.3", "REGISTRY_ABSENT"],
  ["a tag that is none", `@${present}`, "a/b", "REFERENCE_INVALID"],
] as const) {
  test(`refuses ${what}`, async (t) => {
    const stack = await stackLab(t, lab);
    const call = () => releaseTagAction("local", `${stack.repository}${reference}`, tag, {}, stack.context);
    assert.equal((await refusalOf(stack, call)).code, code);
  });
}

test("lists what a stack names, the current release first", async (t) => {
  const stack = await stackLab(t, lab);
  const image = stack.repository;
  stack.write(stack.yaml({ releases: [{ image, current: present, retained: [noDigest] }] }));
  assert.deepEqual(releaseListAction("local", {}, stack.context).lines, [
    `${image}@${present}`,
    `  retained ${image}@${noDigest}`,
  ]);
});

test("lists the signer's own release with asSigner, and says when a stack has none", async (t) => {
  const stack = await signerStackLab(t, lab);
  const { lines } = releaseListAction("local", { asSigner: true }, stack.context);
  assert.deepEqual(lines, [`${stack.repository}@${noDigest}`]);
  const without = await stackLab(t, lab);
  assert.throws(
    () => releaseListAction("local", { asSigner: true }, without.context),
    (error) => error instanceof Failure && error.code === "SIGNER_RELEASE_UNNAMED",
  );
});
