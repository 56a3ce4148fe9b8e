import assert from "node:assert/strict";
import { test } from "node:test";
import { promoteAction } from "../../../../src/cli/actions/promote.ts";
import type { PromoteOptions } from "../../../../src/cli/actions/promote.ts";
import type { Outcome } from "../../../../src/cli/outcome.ts";
import type { Failure } from "../../../../src/core/failure.ts";
import { startReleaseLab } from "../../../support/release-lab.ts";
import { noDigest, refusalOf, releasesOf, stackLab } from "../../../support/stack-lab.ts";
import type { StackLab } from "../../../support/stack-lab.ts";

const lab = await startReleaseLab();
const present = lab.evidence.digest;
const name = "neko-trust-sample";

const run = (stack: StackLab, options: PromoteOptions = {}): Promise<Outcome> =>
  promoteAction("staging", "local", options, stack.context);

const refusal = (stack: StackLab, options: PromoteOptions = {}): Promise<Failure> =>
  refusalOf(stack, () => run(stack, options));

/** Two images of one name each, both served by the one registry. */
function twoImages(stack: StackLab, other = "another"): Record<string, unknown> {
  const image = { name, repository: stack.repository, mirrors: [], platforms: ["linux/amd64", "linux/arm64"] };
  return { "policy.images": [image, { ...image, name: other, repository: `${stack.repository}-2` }] };
}

test("takes each release that verifies under the policy of the stack that gets it", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  stack.writeStaging({ releases: [{ image: stack.repository, current: next, retained: [noDigest] }] });
  const { exitCode, lines } = await run(stack);
  assert.equal(exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: next, retained: [present] }]);
  assert.ok(lines.some((line) => line.includes(`→  ${next} (1.2.4)`)));
});

test("a dry run and what runs already change nothing", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const before = stack.text();
  stack.writeStaging({ releases: [{ image: stack.repository, current: next, retained: [] }] });
  assert.equal((await run(stack, { dryRun: true })).exitCode, 0);
  assert.equal(stack.text(), before);
  stack.writeStaging({});
  assert.match((await run(stack)).lines.at(-1) ?? "", /^Nothing to change/);
  assert.equal(stack.text(), before);
});

test("finds the image by its name: at the repository that the release names, else at the policy's", async (t) => {
  const stack = await stackLab(t, lab);
  const staging = "registry.example/staging/neko";
  stack.writeStaging({
    "policy.images.0.repository": staging,
    releases: [{ image: staging, current: present, retained: [] }],
  });
  assert.match((await run(stack)).lines.at(-1) ?? "", /^Nothing to change/);
  stack.write(stack.yaml({ releases: [] }));
  assert.equal((await run(stack)).exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: present, retained: [] }]);
});

test("the same repository is preferred where the other stack has it as a mirror", async (t) => {
  const stack = await stackLab(t, lab, { releases: [] });
  const main = "registry.example/main/neko";
  stack.write(
    stack.yaml({
      "policy.images.0.repository": main,
      "policy.images.0.mirrors": [stack.repository],
      releases: [],
    }),
  );
  stack.writeStaging({});
  assert.equal((await run(stack)).exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: present, retained: [] }]);
});

test("all or nothing: one release that is refused changes nothing: exit 1", async (t) => {
  const stack = await stackLab(t, lab);
  const next = await stack.publish("1.2.4");
  const images = twoImages(stack);
  stack.write(stack.yaml({ ...images, releases: [] }));
  stack.writeStaging({
    ...images,
    releases: [
      { image: stack.repository, current: next, retained: [] },
      // The manifest of this release is another image's.
      { image: `${stack.repository}-2`, current: present, retained: [] },
    ],
  });
  const before = stack.text();
  const { exitCode, lines, document } = await run(stack);
  assert.equal(exitCode, 1);
  assert.ok(lines.some((line) => line.startsWith("✗ MANIFEST_OTHER_IMAGE")));
  assert.equal((document as { refused: unknown[] }).refused.length, 1);
  assert.equal(stack.text(), before);
  const one = await run(stack, { image: name });
  assert.equal(one.exitCode, 0);
  assert.deepEqual(releasesOf(stack.text()), [{ image: stack.repository, current: next, retained: [] }]);
});

test("older releases are refused as release set refuses them", async (t) => {
  const stack = await stackLab(t, lab);
  const old = await stack.publish("1.2.2");
  stack.writeStaging({ releases: [{ image: stack.repository, current: old, retained: [] }] });
  assert.equal((await refusal(stack)).code, "RELEASE_OLDER");
});

test("a digest that the other stack's repository does not have is unavailable: exit 3", async (t) => {
  const stack = await stackLab(t, lab);
  stack.writeStaging({ releases: [{ image: stack.repository, current: noDigest, retained: [] }] });
  const failure = await refusal(stack);
  assert.equal(failure.code, "REGISTRY_ABSENT");
  assert.equal(failure.kind, "unavailable");
});

for (const [what, from, to, options, code] of [
  ["a stack without releases", { releases: [] }, {}, {}, "PROMOTE_NOTHING"],
  ["an image that the first stack does not have", {}, {}, { image: "nobody" }, "PROMOTE_NOTHING"],
  ["an image that the second policy does not name", {}, { "policy.images.0.name": "x" }, {}, "PROMOTE_IMAGE_UNKNOWN"],
] as const) {
  test(`refuses ${what}: ${code}`, async (t) => {
    const stack = await stackLab(t, lab);
    stack.write(stack.yaml(to));
    stack.writeStaging(from);
    assert.equal((await refusal(stack, options)).code, code);
  });
}

test("refuses two images of one name, of which none lies where the first stack's does", async (t) => {
  const stack = await stackLab(t, lab);
  stack.write(stack.yaml({ ...twoImages(stack, name), releases: [] }));
  const staging = "registry.example/staging/neko";
  stack.writeStaging({
    "policy.images.0.repository": staging,
    releases: [{ image: staging, current: present, retained: [] }],
  });
  assert.equal((await refusal(stack)).code, "PROMOTE_AMBIGUOUS");
});

test("refuses two releases of one image that would go to one place", async (t) => {
  const stack = await stackLab(t, lab);
  const mirror = "registry.example/mirror/neko";
  stack.writeStaging({
    "policy.images.0.mirrors": [mirror],
    releases: [
      { image: stack.repository, current: present, retained: [] },
      { image: mirror, current: noDigest, retained: [] },
    ],
  });
  assert.equal((await refusal(stack)).code, "PROMOTE_AMBIGUOUS");
});

test("refuses a stack to itself, and stacks that don't exist", async (t) => {
  const { context } = await stackLab(t, lab);
  await assert.rejects(promoteAction("local", "local", {}, context), { code: "PROMOTE_SAME_STACK" });
  await assert.rejects(promoteAction("nowhere", "local", {}, context), { code: "STACK_UNKNOWN" });
  await assert.rejects(promoteAction("local", "nowhere", {}, context), { code: "STACK_UNKNOWN" });
});
