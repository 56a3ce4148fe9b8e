import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { KubernetesObject } from "./kubernetes.ts";

/** A pod beside an engine's compiler: what the engine does with it, and what its digests stand for. */
export interface EngineCase {
  /** `good/signed.yaml` */
  readonly name: string;
  /** `unseen`: the engine admits what another one, the baseline or verifyRelease refuses. */
  readonly kind: "good" | "bad" | "unseen";
  readonly object: KubernetesObject;
  /** Annotation `neko-trust/release`: signed, unsigned, other-identity, sbom-only, … */
  readonly release: string;
  /** What the refusal must say; undefined but for bad ones. */
  readonly refusedWith: string | undefined;
}

/** The cases of an engine. */
export function engineCases(target: "kyverno" | "policy-controller" | "gatekeeper"): EngineCase[] {
  const folder = fileURLToPath(new URL(`../../src/core/compile/${target}/cases/`, import.meta.url));
  return (["good", "bad", "unseen"] as const).flatMap((kind) =>
    readdirSync(`${folder}${kind}`).map((file) => {
      const object = parse(readFileSync(`${folder}${kind}/${file}`, "utf8")) as KubernetesObject;
      const { "neko-trust/release": release, "neko-trust/refused-with": refusedWith } =
        object.metadata.annotations ?? {};
      if (release === undefined) throw new Error(`${kind}/${file} does not say what its digest stands for`);
      return { name: `${kind}/${file}`, kind, object, release, refusedWith };
    }),
  );
}
