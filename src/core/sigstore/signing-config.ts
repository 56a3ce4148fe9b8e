import { z } from "zod";
import { Failure } from "../failure.ts";
import { describeJsonProblem, parseStrictJson } from "../json/strict-json.ts";
import { safeParse } from "../safe-parse.ts";
import { faultLine, schemaFaults } from "../schema-faults.ts";
import { isServiceUrl } from "./signing-services.ts";
import type { RekorService, SigningServices } from "./signing-services.ts";

/**
 * signing_config.json (protobuf-specs, sigstore_trustroot.proto, SigningConfig v0.2 in its JSON form): the services that
 * a Sigstore instance offers, and how many of them a signature needs. TUF delivers it beside trusted_root.json; the lab
 * writes one too.
 */

const time = z.iso.datetime({ offset: true, error: "must be an RFC 3339 time" });
const serviceSchema = z.strictObject({
  url: z.string().max(2048).refine(isServiceUrl, "must be an https URL (http is for loopback only)"),
  majorApiVersion: z.int().min(1).max(100),
  validFor: z.strictObject({ start: time, end: time.optional() }),
  operator: z.string().max(256),
});
type Service = z.infer<typeof serviceSchema>;

const selectionSchema = z
  .strictObject({ selector: z.enum(["ANY", "ALL", "EXACT"]), count: z.int().min(1).max(16).optional() })
  .refine(({ selector, count }) => selector !== "EXACT" || count !== undefined, "EXACT needs a count of at least 1");
type Selection = z.infer<typeof selectionSchema>;

const services = z.array(serviceSchema).max(64);

// An unknown key refuses: a misspelt selector would else mean fewer logs than the file's author wants.
const configSchema = z.strictObject({
  mediaType: z.literal("application/vnd.dev.sigstore.signingconfig.v0.2+json"),
  caUrls: services.min(1),
  oidcUrls: services.optional(),
  rekorTlogUrls: services.min(1),
  rekorTlogConfig: selectionSchema,
  tsaUrls: services.optional(),
  tsaConfig: selectionSchema.optional(),
});

/** API versions that this client speaks, the one that is preferred first. */
const versions = { fulcio: [1], rekor: [2, 1], tsa: [1] } as const;

/**
 * The services to sign with at `now`: of the highest version that this client speaks, valid now, the newest of each
 * operator. `ANY` takes the first of them, so that the same file gives the same services. Throws SIGNING_CONFIG_INVALID
 * or SIGNING_CONFIG_UNUSABLE (usage); `name` stands for the file in messages.
 */
export function readSigningConfig(
  bytes: Uint8Array,
  now: Date,
  name: string,
): SigningServices & { readonly fulcioUrl: string } {
  const invalid = (details: readonly string[]): Failure =>
    new Failure({
      code: "SIGNING_CONFIG_INVALID",
      kind: "usage",
      message: `${name} is not a Sigstore signing configuration.`,
      remedy: "Give a signing_config.json of version 0.2, as TUF delivers it beside trusted_root.json.",
      details,
    });
  const json = parseStrictJson(bytes, { maxBytes: 1024 * 1024, maxDepth: 8 });
  if (!json.ok) throw invalid([describeJsonProblem(json.problem)]);
  const parsed = safeParse(configSchema, json.value);
  if (!parsed.success) throw invalid(schemaFaults(parsed.error, json.value).slice(0, 10).map(faultLine));
  const config = parsed.data;
  const pick = (what: string, all: readonly Service[], speaks: readonly number[], how: Selection): Service[] => {
    const usable = usableServices(all, speaks, now);
    const wanted = how.selector === "ALL" ? Math.max(usable.length, 1) : how.selector === "ANY" ? 1 : (how.count ?? 1);
    if (usable.length >= wanted) return usable.slice(0, wanted);
    throw new Failure({
      code: "SIGNING_CONFIG_UNUSABLE",
      kind: "usage",
      message: `${name} names ${usable.length} usable ${what} of distinct operators at ${now.toISOString()}, but ${wanted} are needed.`,
      remedy: `Fetch the file again over TUF; this client speaks version ${speaks.join(" and ")}.`,
    });
  };
  const [authority] = pick("certificate authorities", config.caUrls, versions.fulcio, { selector: "ANY" });
  const logs = pick("transparency logs", config.rekorTlogUrls, versions.rekor, config.rekorTlogConfig);
  const stamps =
    config.tsaConfig === undefined
      ? []
      : pick("time-stamp authorities", config.tsaUrls ?? [], versions.tsa, config.tsaConfig);
  return {
    fulcioUrl: authority?.url ?? "",
    rekor: logs.map(({ url, majorApiVersion }): RekorService => ({ url, version: majorApiVersion === 2 ? 2 : 1 })),
    tsaUrls: stamps.map(({ url }) => url),
  };
}

/** As sigstore-go's SelectServices: one version alone, each operator once, the newest first. */
function usableServices(all: readonly Service[], speaks: readonly number[], now: Date): Service[] {
  const newestFirst = all
    .filter(({ validFor }) => Date.parse(validFor.start) <= now.getTime())
    .filter(({ validFor }) => validFor.end === undefined || now.getTime() <= Date.parse(validFor.end))
    .sort((a, b) => Date.parse(b.validFor.start) - Date.parse(a.validFor.start));
  for (const version of speaks) {
    const operators = new Set<string>();
    const found = newestFirst.filter(({ majorApiVersion, operator }) => {
      if (majorApiVersion !== version || operators.has(operator)) return false;
      operators.add(operator);
      return true;
    });
    if (found.length > 0) return found;
  }
  return [];
}
