import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compile as gatekeeper } from "../../src/core/compile/gatekeeper/compile.ts";
import { compile as kyverno } from "../../src/core/compile/kyverno/compile.ts";
import { compile as policyController } from "../../src/core/compile/policy-controller/compile.ts";
import { compile as baseline } from "../../src/core/compile/validating-admission-policy/compile.ts";
import { sha256Hex } from "../../src/core/oci/digest.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { readPolicyFile } from "../../src/operations/read-policy-file.ts";
import type { BenchContext, BenchEntry, Prepared } from "../entry.ts";

/** So many images does a policy name; each with one mirror, a release and one to go back to. */
const imageCount = 1000;
/** What the project promises for each target, in milliseconds of processor time, which other work on the machine leaves alone. */
const promised = 100;

/** Times the floor: it only writes what is there, and its own time is a few milliseconds. */
const limit = 30;

const now = new Date("2026-11-27T00:00:00Z");
const placement = {
  name: "bench",
  namespace: "bench",
  rollout: "enforce",
  scope: { kind: "all-except", exempt: ["kube-system"] },
} as const;

interface Input {
  readonly policy: TrustPolicy;
  readonly trustedRoot: Uint8Array;
}

const targets: Readonly<Record<string, (input: Input) => unknown>> = {
  vap: ({ policy }) => baseline(policy, releasesOf(policy), now, placement),
  kyverno: ({ policy, trustedRoot }) => kyverno(policy, { kind: "public-good", trustedRoot }, placement),
  "policy-controller": ({ policy, trustedRoot }) =>
    policyController(policy, { kind: "public-good", trustedRoot }, now, placement),
  gatekeeper: ({ policy }) => gatekeeper(policy, releasesOf(policy), now, placement),
};

/**
 * Compiling against writing: the floor is JSON.stringify of the objects that came out, which whatever made them would
 * have to do, too.
 */
export const entries: readonly BenchEntry[] = Object.entries(targets).map(([name, compile]) => ({
  name: `compile-${name}-${imageCount}-images`,
  title: `compile a policy of ${imageCount} images for ${name}`,
  prepare: (context) => compareWithSerialising(context, compile),
}));

function compareWithSerialising(context: BenchContext, compile: (input: Input) => unknown): Promise<Prepared> {
  const trustedRoot = readFileSync(join(context.checkout, "stacks", "roots", "public-good.json"));
  const example = readPolicyFile(join(context.checkout, "policy", "example-trust-policy.yaml"));
  const input = { policy: manyImages(example, trustedRoot), trustedRoot };
  const objects = compile(input);
  const expected = JSON.stringify(objects);
  return Promise.resolve({
    kind: "ready",
    ours: [
      {
        label: "compile and JSON.stringify",
        run: () => {
          const before = process.cpuUsage();
          const start = performance.now();
          const compiled = compile(input);
          const { user, system } = process.cpuUsage(before);
          if (JSON.stringify(compiled) !== expected) throw new Error("the same input gave other objects");
          const milliseconds = performance.now() - start;
          const processor = (user + system) / 1000;
          if (processor > promised)
            throw new Error(`${processor.toFixed(0)} ms are more than the ${promised} promised`);
          return Promise.resolve({ milliseconds, parts: { "compile, processor": processor } });
        },
      },
    ],
    reference: {
      kind: "floor",
      label: "JSON.stringify alone",
      run: () => {
        if (JSON.stringify(objects) !== expected) throw new Error("the objects changed");
        return Promise.resolve(undefined);
      },
    },
    limit,
    notes: [`${expected.length} bytes of objects; the promise is ${promised} ms of processor time`],
  });
}

function manyImages(example: TrustPolicy, trustedRoot: Uint8Array): TrustPolicy {
  const images = Array.from({ length: imageCount }, (_, index) => ({
    name: `product-${index}`,
    repository: `ghcr.io/m1k1o/bench/image-${index}`,
    mirrors: [`registry.example/m1k1o/bench/image-${index}`],
    platforms: ["linux/amd64", "linux/arm64"],
  }));
  const sigstore = { ...example.roots.sigstore, sha256: sha256Hex(trustedRoot) };
  return { ...example, images, roots: { ...example.roots, sigstore } };
}

function digestOfNumber(number: number): Digest {
  return `sha256:${number.toString(16).padStart(64, "0")}`;
}

function releasesOf(policy: TrustPolicy) {
  return policy.images.map(({ repository }, index) => ({
    repository,
    current: digestOfNumber(2 * index + 1),
    retained: [digestOfNumber(2 * index + 2)],
    running: [],
  }));
}
