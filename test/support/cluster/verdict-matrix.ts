import assert from "node:assert/strict";
import type { ReleaseVariant, VerdictLab } from "./verdict-lab.ts";
import type { PublishedVariant } from "./verdict-lab.ts";
import type { RunningEngine } from "./engine-process.ts";
import type { TestCluster } from "./test-cluster.ts";
import { until } from "./test-cluster.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { Failure } from "../../../src/core/failure.ts";

/** What an engine is asked about: each a release of its own, made with the lab's own signing code. */
export const variants = {
  /** As the lab publishes it: signature and manifest on the index, provenance and SBOM on each platform. */
  signed: { version: "1.2.0" },
  unsigned: { version: "1.2.1", kinds: [] },
  otherRepository: { version: "1.2.2", run: { repository: "mallory/neko", repositoryId: "6", ownerId: "7" } },
  otherWorkflow: { version: "1.2.3", run: { workflowPath: ".github/workflows/other.yml" } },
  otherRef: { version: "1.2.4", run: { ref: "refs/heads/main" } },
  sbomOnly: { version: "1.2.5", kinds: ["sbom"], onIndex: ["sbom"] },
  noManifest: { version: "1.2.6", kinds: ["signature", "provenance", "sbom"] },
  noSignature: { version: "1.2.7", kinds: ["manifest", "provenance", "sbom"] },
  provenanceOnIndex: { version: "1.2.8", onIndex: ["provenance"] },
  noProvenance: { version: "1.2.9", kinds: ["signature", "manifest", "sbom"] },
} as const satisfies Record<string, ReleaseVariant>;
export type Variant = keyof typeof variants;
export type Published = Readonly<Record<Variant, PublishedVariant>>;

export async function publishVariants(lab: VerdictLab): Promise<Published> {
  const published: [string, PublishedVariant][] = [];
  for (const [name, variant] of Object.entries(variants)) published.push([name, await lab.publish(variant)]);
  return Object.fromEntries(published) as Published;
}

/** What an engine said about a pod. */
export type Verdict =
  | { readonly admitted: true; readonly images: readonly string[] }
  | { readonly admitted: false; readonly message: string };

export const byDigest = ({ repository, digest }: PublishedVariant): string => `${repository}@${digest}`;
export const byTag = ({ repository, tag }: PublishedVariant): string => `${repository}:${tag}`;

/** Asks the API server, and through it the engine, for a pod as a dry run. */
export async function judgePod({ cluster }: TestCluster, namespace: string, image: string): Promise<Verdict> {
  const pod: ClusterObject = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "judged", namespace },
    spec: { containers: [{ name: "main", image }] },
  };
  try {
    const { spec } = (await cluster.create(pod, { dryRun: true })) as { spec?: { containers: { image: string }[] } };
    return { admitted: true, images: (spec?.containers ?? []).map((container) => container.image) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { admitted: false, message: error.message };
  }
}

export interface Judge {
  /** The pod's images as they would be stored. */
  admits(image: string): Promise<readonly string[]>;
  /** Refused by the webhook itself (not for lack of an answer), in words that match every pattern. */
  refuses(image: string, ...reasons: readonly RegExp[]): Promise<void>;
  /** The same engine in another namespace. */
  inNamespace(other: string): Judge;
  /** Why it is refused; empty where it isn't. */
  messageOf(image: string): Promise<string>;
  /** Asks until it is refused: new policies take some seconds to act. */
  untilRefuses(image: string, reason: RegExp): Promise<void>;
}

/** An engine's verdicts in one namespace, with assertions that quote its log when they fail. */
export function judgeIn(testCluster: TestCluster, engine: RunningEngine, namespace: string): Judge {
  const told = (what: string, verdict: Verdict): string =>
    `${what}: ${JSON.stringify(verdict)}\nthe engine's last lines:\n${engine.lastLines()}`;
  return {
    async admits(image) {
      const verdict = await judgePod(testCluster, namespace, image);
      if (verdict.admitted) return verdict.images;
      return assert.fail(told(`${image} was not admitted`, verdict));
    },
    async refuses(image, ...reasons) {
      const verdict = await judgePod(testCluster, namespace, image);
      if (verdict.admitted) assert.fail(told(`${image} was admitted`, verdict));
      for (const reason of [/admission webhook ".*" denied the request/u, ...reasons]) {
        assert.match(verdict.message, reason, told(image, verdict));
      }
    },
    inNamespace: (other) => judgeIn(testCluster, engine, other),
    async messageOf(image) {
      const verdict = await judgePod(testCluster, namespace, image);
      return verdict.admitted ? "" : verdict.message;
    },
    async untilRefuses(image, reason) {
      await until(
        `${image} is refused with ${String(reason)}`,
        async () => {
          const verdict = await judgePod(testCluster, namespace, image);
          return !verdict.admitted && reason.test(verdict.message) ? true : undefined;
        },
        60_000,
      ).catch(async (error: unknown) => {
        throw new Error(told(String(error), await judgePod(testCluster, namespace, image)), { cause: error });
      });
    },
  };
}
