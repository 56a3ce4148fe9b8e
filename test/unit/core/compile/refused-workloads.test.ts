import assert from "node:assert/strict";
import { test } from "node:test";
import { imagesOfPod } from "../../../../src/adapters/cluster/pods.ts";
import { compile } from "../../../../src/core/compile/validating-admission-policy/compile.ts";
import {
  assertNothingRefused,
  describeRefused,
  refusedWorkloads,
  runningDigests,
} from "../../../../src/core/compile/validating-admission-policy/refused-workloads.ts";
import type { RunningImage } from "../../../../src/core/compile/validating-admission-policy/refused-workloads.ts";
import { admissionCases, casesNow, casesPlacement, casesPolicy, casesReleases } from "../../../support/admission.ts";
import { codeThrown } from "../../../support/failures.ts";
import { sampleDigest, sampleMirror, sampleRepository } from "../../../support/policies.ts";

const policy = casesPolicy({ revoked: [sampleDigest("9")] });
const baseline = compile(
  policy,
  casesReleases.map((release) => ({ ...release, running: [...release.running, sampleDigest("9")] })),
  casesNow,
  casesPlacement,
);
const { scope } = casesPlacement;

function runs(image: string, namespace = "shop"): RunningImage {
  return { namespace, pod: "web", container: "main", image };
}
const reasons = (...images: RunningImage[]) =>
  refusedWorkloads(baseline, { images, namespaces: [] }, scope).map(({ reason }) => reason);
const at = (digit: string, repository = sampleRepository) => `${repository}@${sampleDigest(digit)}`;

test("says of running pods what the API server says of new ones: every case beside the compiler", () => {
  for (const { name, object, refusedWith } of admissionCases().filter((entry) => entry.object.kind === "Pod")) {
    const images = imagesOfPod({ ...object }).map(({ namespace, pod, container, image }) => ({
      namespace,
      pod,
      container,
      image,
    }));
    const refused = refusedWorkloads(baseline, { images, namespaces: [] }, scope);
    assert.equal(refused.length > 0, refusedWith !== undefined, name);
  }
});

test("tells why: not pinned, not listed, revoked, or an exception that ended", () => {
  assert.deepEqual(reasons(runs(`${sampleRepository}:v1`)), ["unpinned"]);
  assert.deepEqual(reasons(runs(at("1"))), ["unlisted"]);
  assert.deepEqual(reasons(runs(at("9"))), ["revoked"]);
  assert.deepEqual(reasons(runs(at("f", "ghcr.io/example/proxy"))), ["ended"]);
  assert.deepEqual(reasons(runs(at("a")), runs(at("c", sampleMirror))), []);
});

test("says why a digest was not put on the list where that is known; what is listed all the same is not refused", () => {
  const todo = "It does not verify: STATEMENT_MISSING.";
  const unadmitted = new Map([at("1"), at("a")].map((image) => [image, { reason: "unverified", todo } as const]));
  const images = [runs(at("1")), runs(at("2")), runs(at("a"))];
  const refused = refusedWorkloads(baseline, { images, namespaces: [] }, scope, unadmitted);
  assert.deepEqual(
    refused.map(({ image, reason }) => [image, reason]),
    [
      [at("1"), "unverified"],
      [at("2"), "unlisted"],
    ],
  );
  assert.equal(refused[0]?.todo, todo);
  const terms = { cluster: "europe", rollout: "enforce", accept: false } as const;
  const outcome = (reason: "unverified" | "revoked") =>
    codeThrown(() => {
      const known = new Map([[at("1"), { reason, todo }]]);
      assertNothingRefused(
        refusedWorkloads(baseline, { images: [runs(at("1"))], namespaces: [] }, scope, known),
        terms,
      );
    }, "none");
  assert.equal(outcome("unverified"), "RUNNING_WOULD_BE_REFUSED");
  assert.equal(outcome("revoked"), "none");
});

test("looks at guarded namespaces alone, by name or by label", () => {
  assert.deepEqual(reasons(runs("busybox", "kube-system")), []);
  const labelled = { kind: "labelled", labels: { guarded: "yes" } } as const;
  const images = [runs("busybox", "a"), runs("busybox", "b"), runs("busybox", "unread")];
  const namespaces = [
    { name: "a", labels: { guarded: "yes", more: "x" } },
    { name: "b", labels: { guarded: "no" } },
  ];
  const refused = refusedWorkloads(baseline, { images, namespaces }, labelled);
  assert.deepEqual(
    refused.map(({ namespace }) => namespace),
    ["a"],
  );
});

test("each line names the pod, the image and what to do, in one order", () => {
  const images = [runs("b:1"), runs("a:1", "bar")];
  const [first = assert.fail(), second = assert.fail()] = refusedWorkloads(baseline, { images, namespaces: [] }, scope);
  assert.equal(
    describeRefused(first),
    "bar/web (main): a:1 (unpinned). Pin it by digest, as registry/path@sha256:…, without a tag.",
  );
  assert.equal(second.namespace, "shop");
});

test("enforcing is refused while something surprising runs; warning, accepting and what the policy ended are not", () => {
  const outcome = (image: string, changes: { rollout?: "warn" | "enforce"; accept?: boolean } = {}) => {
    const refused = refusedWorkloads(baseline, { images: [runs(image)], namespaces: [] }, scope);
    const options = { cluster: "europe", rollout: "enforce", accept: false, ...changes } as const;
    return codeThrown(() => {
      assertNothingRefused(refused, options);
    }, "none");
  };
  assert.equal(outcome("busybox"), "RUNNING_WOULD_BE_REFUSED");
  assert.equal(outcome(at("1")), "RUNNING_WOULD_BE_REFUSED");
  assert.equal(outcome("busybox", { rollout: "warn" }), "none");
  assert.equal(outcome("busybox", { accept: true }), "none");
  assert.equal(outcome(at("9")), "none");
  assert.equal(outcome(at("f", "ghcr.io/example/proxy")), "none");
  assert.equal(outcome(at("a")), "none");
});

test("running digests are those of the policy's images, pinned and in guarded namespaces; a mirror counts for its image", () => {
  const images = [
    runs(at("2")),
    runs(at("1", sampleMirror)),
    runs(at("1")),
    runs(at("3"), "kube-system"),
    runs(at("4", "ghcr.io/evil/base")),
    runs(`${sampleRepository}:v1`),
  ];
  assert.deepEqual(
    [...runningDigests(policy, { images, namespaces: [] }, scope)],
    [[sampleRepository, [sampleDigest("1"), sampleDigest("2")]]],
  );
});
