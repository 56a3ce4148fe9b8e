import { z } from "zod";
import { isDigest } from "../oci/digest.ts";
import { safeParse } from "../safe-parse.ts";
import { parseStrictYaml } from "../yaml/strict-yaml.ts";

/** A chart's version in the index of a chart repository (helm.sh/docs/topics/chart_repository). */
export type ListedChart =
  | { readonly kind: "found"; readonly url: string; readonly digest: string | undefined }
  | { readonly kind: "absent" }
  | { readonly kind: "invalid"; readonly why: string };

const indexSchema = z.looseObject({ entries: z.record(z.string(), z.unknown()) });
/** Only of the chart that is asked for: what else a repository lists may be as odd as it likes. */
const versionsSchema = z.array(
  z.looseObject({ version: z.string(), urls: z.array(z.string()).optional(), digest: z.string().optional() }),
);

/** Finds one version of a chart, to the letter; a digest is written as `sha256:…`, whether the index does or not. */
export function readChartIndex(bytes: Uint8Array, chart: string, version: string): ListedChart {
  const yaml = parseStrictYaml(new TextDecoder().decode(bytes));
  if (!yaml.ok) return { kind: "invalid", why: `it is no valid YAML (${yaml.faults[0]})` };
  const index = safeParse(indexSchema, yaml.value);
  if (!index.success) return { kind: "invalid", why: "it lists no charts" };
  const entries = Object.hasOwn(index.data.entries, chart) ? index.data.entries[chart] : undefined;
  if (entries === undefined) return { kind: "absent" };
  const versions = safeParse(versionsSchema, entries);
  if (!versions.success) return { kind: "invalid", why: `its entries for ${chart} can't be read` };
  const [found, ...more] = versions.data.filter((entry) => entry.version === version);
  if (found === undefined) return { kind: "absent" };
  if (more.length > 0) return { kind: "invalid", why: `it lists ${chart} ${version} more than once` };
  const [url] = found.urls ?? [];
  if (url === undefined) return { kind: "invalid", why: `it names no archive of ${chart} ${version}` };
  if (found.digest === undefined || found.digest === "") return { kind: "found", url, digest: undefined };
  const digest = found.digest.startsWith("sha256:") ? found.digest : `sha256:${found.digest}`;
  if (!isDigest(digest)) return { kind: "invalid", why: `its digest of ${chart} ${version} is none` };
  return { kind: "found", url, digest };
}
