import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { policyExplainAction } from "../../../../src/cli/actions/policy-explain.ts";
import type { PolicyExplanation } from "../../../../src/core/policy/explain-policy.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { noDigest, stackLab } from "../../../support/stack-lab.ts";

const lab = await startReleaseLab();
const present = lab.evidence.digest;

interface Explained {
  readonly ok: boolean;
  readonly explanation: PolicyExplanation;
  readonly verdict?: { readonly verdict: string; readonly findings: readonly { code: string; meaning: string }[] };
}

test("explains a stack's policy, and looks into its root", async (t) => {
  const { context } = await stackLab(t, lab);
  const { exitCode, lines, document } = await policyExplainAction(undefined, { stack: "local" }, context);
  assert.equal(exitCode, 0);
  for (const line of ["Images", "Whom it trusts, and for what", "Weak"]) assert.ok(lines.includes(line), line);
  assert.ok(lines.some((line) => /^ {2}! All time-stamp authorities of the root are run by/.test(line)));
  assert.equal((document as Explained).explanation.policy, "neko-lab");
  assert.equal((document as Explained).verdict, undefined);
});

test("explains a policy in a file, without a root or with it; a stack whose root can't be read, too", async (t) => {
  const { context, served } = await stackLab(t, lab);
  const policy = served.write("one.yaml", stringify(lab.policy));
  const trustedRoot = served.write("root.json", lab.sigstore.trustedRoot);
  const without = await policyExplainAction(undefined, { policy }, context);
  assert.equal(without.exitCode, 0);
  assert.ok(!without.lines.some((line) => line.includes("of the root are run by")));
  const withRoot = await policyExplainAction(undefined, { policy, trustedRoot }, context);
  assert.ok(withRoot.lines.some((line) => line.includes("of the root are run by")));
  rmSync(join(context.directories.checkout, "trusted_root.json"));
  assert.equal((await policyExplainAction(undefined, { stack: "local" }, context)).exitCode, 0);
});

test("says that an image would be admitted, and what counts: exit 0", async (t) => {
  const { context, repository } = await stackLab(t, lab);
  const { exitCode, lines, document } = await policyExplainAction(
    `${repository}@${present}`,
    { stack: "local" },
    context,
  );
  assert.equal(exitCode, 0);
  assert.equal(lines.at(-1), "It would be admitted.");
  assert.ok(lines.some((line) => line.startsWith(`✓ signature of ${present} by "release", signed `)));
  assert.equal((document as Explained).ok, true);
  assert.equal((document as Explained).verdict?.verdict, "admitted");
});

test("says why an image would be refused, each finding in plain words: exit 1", async (t) => {
  const { context, repository, withdraw } = await stackLab(t, lab);
  withdraw(present);
  const { exitCode, lines, document } = await policyExplainAction(
    `${repository}@${present}`,
    { stack: "local" },
    context,
  );
  assert.equal(exitCode, 1);
  assert.equal(lines.at(-1), "It would be refused.");
  assert.ok(
    lines.includes("✗ No valid statement of a required kind by a listed signer was found. (STATEMENT_MISSING)"),
  );
  assert.ok(lines.some((line) => line.startsWith("– Not looked at: ")));
  const { ok, verdict } = document as Explained;
  assert.equal(ok, false);
  assert.equal(verdict?.verdict, "refused");
  assert.ok(verdict.findings.every(({ meaning }) => meaning.length > 10));
});

test("evidence that can't be read is told apart: exit 3", async (t) => {
  const stack = await stackLab(
    t,
    lab,
    {},
    { instead: (request, next) => (request.url.includes("/referrers/") ? { status: 403 } : next(request)) },
  );
  const { exitCode, lines, document } = await policyExplainAction(
    `${stack.repository}@${present}`,
    { stack: "local" },
    stack.context,
  );
  assert.equal(exitCode, 3);
  assert.equal(lines.at(-1), "It would be refused, as its evidence can't be read.");
  assert.equal((document as Explained).verdict?.verdict, "unavailable");
  const none = policyExplainAction(`${stack.repository}@${noDigest}`, { stack: "local" }, stack.context);
  await assert.rejects(none, { code: "REGISTRY_ABSENT", kind: "unavailable" });
});

test("words of a policy can't move a terminal's cursor or begin a line", async (t) => {
  const { context, served } = await stackLab(t, lab);
  const waiver = {
    repository: "docker.io/library/nginx",
    digests: [noDigest],
    namespaces: ["web"],
    reason: "fine\n\u001b[2K::error::",
    expires: "2027-01-01T00:00:00Z",
  };
  const policy = served.write("odd.yaml", stringify(lab.policyWith({ thirdParty: [waiver] })));
  const { lines } = await policyExplainAction(undefined, { policy }, context);
  assert.ok(lines.some((line) => line.includes("fine\\u{a}\\u{1b}[2K::error::")));
  assert.ok(lines.every((line) => !/[\u001b\n]/.test(line)));
});

for (const [what, reference, options, code] of [
  ["no policy", undefined, {}, "POLICY_NOT_NAMED"],
  ["a stack and a policy", undefined, { stack: "local", policy: "p.yaml" }, "POLICY_NOT_NAMED"],
  ["a root alone", undefined, { trustedRoot: "r.json" }, "POLICY_NOT_NAMED"],
  ["an image under a policy without its root", "a.example/b:c", { policy: "p.yaml" }, "POLICY_NOT_NAMED"],
  ["an unknown stack", undefined, { stack: "nowhere" }, "STACK_UNKNOWN"],
  ["a policy that is not there", undefined, { policy: "/nonexistent" }, "POLICY_UNREADABLE"],
  ["no reference", "x", { stack: "local" }, "REFERENCE_INVALID"],
] as const) {
  test(`refuses ${what}: ${code}`, async (t) => {
    const { context } = await stackLab(t, lab);
    await assert.rejects(policyExplainAction(reference, options, context), { code });
  });
}
