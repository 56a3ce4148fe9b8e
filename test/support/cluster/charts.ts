import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { directoriesOf } from "../../../src/adapters/directories/directories.ts";
import type { ClusterObject } from "../../../src/adapters/cluster/object.ts";
import { pinnedTools } from "../../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../../src/adapters/toolchain/tool.ts";
import { checkout } from "../engine/engine-under-test.ts";
import { objectsOf } from "./manifests.ts";
import { folderOf } from "./modules.ts";
import type { EngineModule } from "./modules.ts";

const run = promisify(execFile);

/** Charts that lie in a Go module, by name: the module, and the chart's folder in it. */
const chartsInModules: Readonly<Record<string, { readonly module: EngineModule; readonly path: string }>> = {
  kyverno: { module: "kyverno", path: "charts/kyverno" },
  gatekeeper: { module: "gatekeeper", path: "charts/gatekeeper" },
};

export const chartNames = Object.keys(chartsInModules);

/** A release as a program describes it. */
export interface ChartRelease {
  readonly chart: string;
  /** Left out: whatever the module has. */
  readonly version?: string;
  readonly name: string;
  readonly namespace: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface RenderedChart {
  readonly version: string;
  readonly objects: readonly ClusterObject[];
  /** Charts that it depends on and its module doesn't hold: what they would render is not among the objects. */
  readonly left: readonly string[];
}

const chartSchema = z.looseObject({
  version: z.string(),
  dependencies: z.array(z.looseObject({ name: z.string() })).optional(),
});

/**
 * What `helm template` makes of a release, hooks and definitions included; undefined for a chart that lies in no
 * module. Throws when the module has another version of the chart than the release wants: pins that don't agree.
 */
export async function renderedChart(release: ChartRelease): Promise<RenderedChart | undefined> {
  const place = Object.hasOwn(chartsInModules, release.chart) ? chartsInModules[release.chart] : undefined;
  if (place === undefined) return undefined;
  const { folder } = await folderOf(place.module);
  const directories = directoriesOf(checkout, process.env);
  const helm = await ensureTool(pinnedTools.helm, { directories, environment: process.env, progress: console.error });
  const work = mkdtempSync(join(tmpdir(), "neko-trust-chart-"));
  try {
    const chart = join(work, "chart");
    // Go's module cache is read-only, folders included.
    await run("cp", ["-r", "--no-preserve=mode", join(folder, place.path), chart]);
    const { version, left } = withoutMissing(chart);
    if (release.version !== undefined && release.version.replace(/^v/u, "") !== version.replace(/^v/u, "")) {
      throw new Error(
        `chart ${release.chart} is pinned at ${release.version}, and ${place.module}'s module has ${version}`,
      );
    }
    const values = join(work, "values.json");
    writeFileSync(values, JSON.stringify(release.values));
    const kubernetes = pinnedTools.kubeApiserver.version;
    const { stdout } = await run(
      helm.path,
      [
        ...["template", release.name, chart, "--namespace", release.namespace, "--values", values],
        ...["--include-crds", "--kube-version", kubernetes],
      ],
      { env: { HOME: work, PATH: "/usr/bin:/bin" }, maxBuffer: 64 << 20 },
    );
    return { version, objects: objectsOf(stdout, `chart ${release.chart}`), left };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Takes the dependencies out of Chart.yaml that are not below charts/: helm would refuse the whole chart. */
function withoutMissing(folder: string): { readonly version: string; readonly left: readonly string[] } {
  const file = join(folder, "Chart.yaml");
  const chart = chartSchema.parse(parse(readFileSync(file, "utf8")));
  const { dependencies = [], version } = chart;
  const present = dependencies.length === 0 ? [] : readdirSync(join(folder, "charts"));
  const kept = dependencies.filter(({ name }) => present.includes(name));
  writeFileSync(file, stringify({ ...chart, dependencies: kept }));
  rmSync(join(folder, "Chart.lock"), { force: true });
  return { version, left: dependencies.filter((one) => !kept.includes(one)).map(({ name }) => name) };
}

/**
 * Images that the objects would run and that nobody pinned: neither by digest nor named unresolved, as pins are that
 * could not be looked up here.
 */
export function unpinnedImages(objects: readonly ClusterObject[]): string[] {
  const found = new Set<string>();
  JSON.stringify(objects, (key, value: unknown) => {
    if (key === "image" && typeof value === "string") found.add(value);
    return value;
  });
  return [...found].filter((image) => !/@sha256:[0-9a-f]{64}$|-unresolved$/u.test(image)).sort();
}
