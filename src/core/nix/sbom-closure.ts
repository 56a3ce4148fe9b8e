import { z } from "zod";
import { closureFailure } from "./closure.ts";
import { sha256OfSri } from "./hash-formats.ts";
import { parseStorePath } from "./store-path.ts";
import type { ClosureEntry } from "./closure.ts";
import { safeParse } from "../safe-parse.ts";

/**
 * Reads a closure out of an SBOM, so that a verifier recomputes the closure list digest from the document alone.
 *
 * SPDX 2.3: a package that is a store object has two `externalRefs` of category OTHER: `nix-store-path` with the path
 * and `nix-nar-hash` with the SRI hash. CycloneDX: a component has a property `nix:output_path` per output (as sbomnix
 * writes) and for each of them a property `nix:nar_hash` with `storePath SP narHash`. Packages without any of these
 * are not store objects and are passed over; half a pair refuses.
 */
export const storePathReference = "nix-store-path";
export const narHashReference = "nix-nar-hash";
export const outputPathProperty = "nix:output_path";
export const narHashProperty = "nix:nar_hash";

/** Nested CycloneDX components deeper than this are refused rather than followed. */
const maximumNesting = 32;

const spdxSchema = z.looseObject({
  spdxVersion: z.literal("SPDX-2.3"),
  packages: z.array(
    z.looseObject({
      SPDXID: z.string(),
      externalRefs: z
        .array(
          z.looseObject({ referenceCategory: z.string(), referenceType: z.string(), referenceLocator: z.string() }),
        )
        .optional(),
    }),
  ),
});

/** Throws CLOSURE_DOCUMENT_INVALID, CLOSURE_ENTRY_INCOMPLETE, STORE_PATH_INVALID and NIX_HASH_INVALID. */
export function closureFromSpdx(document: unknown): ClosureEntry[] {
  const parsed = safeParse(spdxSchema, document);
  if (!parsed.success) throw invalidDocument("SPDX 2.3", parsed.error);
  return parsed.data.packages.flatMap((entry) => {
    const located = (type: string): string[] =>
      (entry.externalRefs ?? []).filter((ref) => ref.referenceType === type).map((ref) => ref.referenceLocator);
    const [storePath, ...morePaths] = located(storePathReference);
    const [narHash, ...moreHashes] = located(narHashReference);
    if (storePath === undefined && narHash === undefined) return [];
    if (storePath === undefined || narHash === undefined || morePaths.length > 0 || moreHashes.length > 0) {
      throw closureFailure(
        "CLOSURE_ENTRY_INCOMPLETE",
        `Package ${JSON.stringify(entry.SPDXID)} must have one ${storePathReference} and one ${narHashReference}.`,
      );
    }
    return [checkedEntry(storePath, narHash)];
  });
}

interface Component {
  name: string;
  properties?: { name: string; value?: string | undefined }[] | undefined;
  components?: Component[] | undefined;
}

const componentSchema: z.ZodType<Component> = z.lazy(() =>
  z.looseObject({
    name: z.string(),
    properties: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).optional(),
    components: z.array(componentSchema).optional(),
  }),
);

const cycloneDxSchema = z.looseObject({
  bomFormat: z.literal("CycloneDX"),
  metadata: z.looseObject({ component: componentSchema.optional() }).optional(),
  components: z.array(componentSchema).optional(),
});

/** As `closureFromSpdx`, for a CycloneDX document; nested components count. */
export function closureFromCycloneDx(document: unknown): ClosureEntry[] {
  requireShallow(document, maximumNesting * 3);
  const parsed = safeParse(cycloneDxSchema, document);
  if (!parsed.success) throw invalidDocument("CycloneDX", parsed.error);
  const root = parsed.data.metadata?.component;
  const entries: ClosureEntry[] = [];
  const pending = [...(root === undefined ? [] : [root]), ...(parsed.data.components ?? [])];
  for (let component = pending.pop(); component !== undefined; component = pending.pop()) {
    entries.push(...entriesOfComponent(component));
    pending.push(...(component.components ?? []));
  }
  return entries;
}

function entriesOfComponent(component: Component): ClosureEntry[] {
  const valuesOf = (property: string): string[] =>
    (component.properties ?? []).filter(({ name }) => name === property).map(({ value }) => value ?? "");
  const entries = valuesOf(narHashProperty).map((line) => {
    const [storePath = "", narHash = "", ...rest] = line.split(" ");
    if (rest.length > 0) throw incompleteComponent(component);
    return checkedEntry(storePath, narHash);
  });
  const hashed = new Set(entries.map(({ storePath }) => storePath));
  const outputs = new Set(valuesOf(outputPathProperty));
  if (hashed.size !== entries.length || hashed.symmetricDifference(outputs).size > 0)
    throw incompleteComponent(component);
  return entries;
}

function incompleteComponent(component: Component): Error {
  return closureFailure(
    "CLOSURE_ENTRY_INCOMPLETE",
    `Component ${JSON.stringify(component.name)} must have one ${narHashProperty} for each ${outputPathProperty}.`,
  );
}

function checkedEntry(storePath: string, narHash: string): ClosureEntry {
  parseStorePath(storePath);
  sha256OfSri(narHash);
  return { storePath, narHash };
}

/** The schema is recursive: a document nested without end must not exhaust the stack. */
function requireShallow(document: unknown, levels: number): void {
  let level: unknown[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) throw closureFailure("CLOSURE_DOCUMENT_INVALID", "The SBOM is nested too deeply.");
    level = level.flatMap((value): unknown[] =>
      typeof value === "object" && value !== null ? Object.values(value) : [],
    );
  }
}

function invalidDocument(format: string, error: z.ZodError): Error {
  const issue = error.issues[0];
  const where = issue === undefined ? "" : ` at ${issue.path.join(".") || "the top"}: ${issue.message}`;
  return closureFailure("CLOSURE_DOCUMENT_INVALID", `The SBOM is not a ${format} document${where}.`);
}
