import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { Placement } from "../../src/core/compile/validating-admission-policy/compile.ts";
import type { ImageRelease } from "../../src/core/compile/validating-admission-policy/image-list.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { KubernetesObject } from "./kubernetes.ts";
import { sampleDigest, samplePolicy, sampleRepository } from "./policies.ts";

/** What the cases beside the compiler are written for: releases a (current) to d (running), third parties e and f. */
export const casesNow = new Date("2026-11-23T12:00:00Z");

export const casesPlacement: Placement = {
  name: "neko-trust-admission",
  namespace: "neko-trust",
  rollout: "enforce",
  scope: { kind: "all-except", exempt: ["kube-system"] },
};

export const casesReleases: readonly ImageRelease[] = [
  {
    repository: sampleRepository,
    current: sampleDigest("a"),
    next: sampleDigest("b"),
    retained: [sampleDigest("c")],
    running: [sampleDigest("d")],
  },
];

export function casesPolicy(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  const thirdParty = { repository: "ghcr.io/example/proxy", namespaces: ["shop"], reason: "the shop's front door" };
  return samplePolicy({
    thirdParty: [
      { ...thirdParty, digests: [sampleDigest("e")], expires: "2027-01-01T00:00:00Z" },
      { ...thirdParty, digests: [sampleDigest("f")], expires: "2026-11-23T12:00:00Z" },
    ],
    ...changes,
  });
}

export interface AdmissionCase {
  /** `good/<file>` or `bad/<file>`. */
  readonly name: string;
  readonly object: KubernetesObject;
  /** What the refusal must say; undefined for a good case. */
  readonly refusedWith: string | undefined;
}

/** The good and bad objects that lie beside the compiler. */
export function admissionCases(): AdmissionCase[] {
  const folder = fileURLToPath(new URL("../../src/core/compile/validating-admission-policy/cases/", import.meta.url));
  return ["good", "bad"].flatMap((kind) =>
    readdirSync(`${folder}${kind}`).map((file) => {
      const object = parse(readFileSync(`${folder}${kind}/${file}`, "utf8")) as KubernetesObject;
      const refusedWith = object.metadata.annotations?.["neko-trust/refused-with"];
      if ((kind === "bad") !== (refusedWith !== undefined))
        throw new Error(`${kind}/${file}: annotation and folder differ`);
      return { name: `${kind}/${file}`, object, refusedWith };
    }),
  );
}
