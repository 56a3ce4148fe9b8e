import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startControlPlane } from "../../../lab/control-plane/start.ts";
import { connectCluster } from "../../../src/adapters/cluster/cluster.ts";
import type { Cluster } from "../../../src/adapters/cluster/cluster.ts";
import { isRecord } from "../../../src/core/is-record.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { directoriesOf } from "../../../src/adapters/directories/directories.ts";
import type { Directories } from "../../../src/adapters/directories/directories.ts";
import { Failure } from "../../../src/core/failure.ts";
import { checkout } from "../engine/engine-under-test.ts";

/** A real API server of one test file, empty but for what the file puts there. */
export interface TestCluster {
  readonly cluster: Cluster;
  readonly kubeconfig: string;
  /** This checkout's caches, with state and run folders that go when the test does. */
  readonly directories: Directories;
  /** Applies objects, each after what it needs, and waits until the definitions among them are served. */
  install(objects: readonly ClusterObject[]): Promise<void>;
  /** Stops the API server and removes its folder. What was started against it must have been stopped before. */
  readonly stop: () => Promise<void>;
}

export const fieldManager = "neko-trust-test";

/** Builds what the cache has not, and starts etcd and kube-apiserver in a temporary folder. */
export async function startTestCluster(): Promise<TestCluster> {
  const work = mkdtempSync(join(tmpdir(), "neko-trust-cluster-"));
  const directories = { ...directoriesOf(checkout, process.env), state: join(work, "state"), run: join(work, "run") };
  try {
    const plane = await startControlPlane({ directories, environment: process.env, progress: console.error });
    const cluster = await connectCluster({ kubeconfig: plane.kubeconfig });
    return {
      cluster,
      kubeconfig: plane.kubeconfig,
      directories,
      install: (objects) => install(cluster, objects),
      async stop() {
        await plane.stop();
        rmSync(work, { recursive: true, force: true, maxRetries: 3 });
      },
    };
  } catch (error) {
    rmSync(work, { recursive: true, force: true, maxRetries: 3 });
    throw error;
  }
}

/** Asks until the answer is there; throws, with what was waited for, when it never comes. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, milliseconds = 60_000): Promise<T> {
  const end = Date.now() + milliseconds;
  let last = "";
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      last = ` (${error.message})`;
    }
    if (Date.now() >= end) throw new Error(`still not after ${milliseconds / 1000} s: ${what}${last}`);
    await sleep(200);
  }
}

/** Definitions and namespaces first, then the rest, in the order given. */
const first = ["CustomResourceDefinition", "Namespace"];

async function install(cluster: Cluster, objects: readonly ClusterObject[]): Promise<void> {
  const early = objects.filter(({ kind }) => first.includes(kind));
  // At once: the API server takes a moment for each definition, and they need none of one another.
  await Promise.all(
    early.map(async (object) => {
      await cluster.serverSideApply(object, { fieldManager, force: true });
      if (object.kind === "CustomResourceDefinition") await served(cluster, object);
    }),
  );
  for (const object of objects) {
    if (!first.includes(object.kind)) await cluster.serverSideApply(object, { fieldManager, force: true });
  }
}

/** A definition is of use once the API server serves every version of it. */
async function served(cluster: Cluster, definition: ClusterObject): Promise<void> {
  const { group, names, versions } = definition["spec"] as {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
  for (const version of versions.filter((one) => one.served)) {
    await until(`${names.kind} of ${group}/${version.name} is served`, async () => {
      const found = await cluster.discovery.resource(`${group}/${version.name}`, names.kind);
      return found === undefined ? undefined : true;
    });
  }
}

/** The value at a path of keys of an object that the API server sent. */
export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((here, key) => (isRecord(here) ? here[key] : undefined), value);
}

/** A compiled object as the API server takes it: the same JSON, without the types that only say what is in it. */
export function plainObject(object: { readonly apiVersion: string; readonly kind: string }): ClusterObject {
  return JSON.parse(JSON.stringify(object)) as ClusterObject;
}

/** Collects what has to be ended: the last that came first, all of them, whatever one of them throws. */
export function endings(): { readonly add: (end: () => Promise<void>) => void; readonly run: () => Promise<void> } {
  const ends: (() => Promise<void>)[] = [];
  return {
    add: (end) => ends.unshift(end),
    run: async () => {
      const failures: unknown[] = [];
      for (const end of ends) await end().catch((error: unknown) => failures.push(error));
      if (failures.length > 0) throw new AggregateError(failures, "not everything that was started could be ended");
    },
  };
}
