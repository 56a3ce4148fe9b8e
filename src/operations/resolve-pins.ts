import { join } from "node:path";
import { parsePins, pinsFile } from "../config/read-pins.ts";
import { Failure } from "../core/failure.ts";
import type { Pins } from "../core/pins/pins.ts";
import { editYaml } from "../core/yaml/edit-yaml.ts";
import type { YamlChange } from "../core/yaml/edit-yaml.ts";
import { openFile, writeStackFile } from "./edit-stack-file.ts";
import type { OpenFile } from "./edit-stack-file.ts";
import { isResolved, pinEntries } from "./pin-entries.ts";
import type { PinEntry, PinField } from "./pin-entries.ts";
import type { Looked, PinSources } from "./pin-sources.ts";

/** pins.yaml as it was read, to be edited. */
export interface OpenPins extends OpenFile {
  readonly pins: Pins;
}

/** Reads the checkout's pins to edit them; throws CONFIG_UNREADABLE or PINS_INVALID (usage). */
export function openPins(checkout: string): OpenPins {
  const open = openFile(pinsFile, join(checkout, pinsFile));
  return { ...open, pins: parsePins(open.text) };
}

/** A digest that something had, and what it is now. */
export interface PinDifference {
  readonly path: readonly string[];
  readonly pinned: string;
  readonly now: string;
}

/** What came of one pin. */
export type PinResult = { readonly entry: PinEntry } & (
  | { readonly kind: "resolved"; readonly fields: readonly PinField[] }
  /** What is pinned is what its tag means. */
  | { readonly kind: "confirmed" }
  /** Pinned, and not asked about. */
  | { readonly kind: "kept" }
  /** Not pinned, and only checked. */
  | { readonly kind: "unresolved" }
  /** The tag means something else by now: either it was moved, or what is pinned was never it. */
  | { readonly kind: "moved"; readonly differences: readonly PinDifference[] }
  | { readonly kind: "absent" | "contradicted" | "unavailable"; readonly detail: string }
);

export interface ResolvePinsRequest {
  /** `kbs` for every pin of that name, `image/kbs` for one; all when empty. */
  readonly names: readonly string[];
  /** Compare what is pinned with what is there, and write nothing. */
  readonly check: boolean;
}

export interface ResolvePinsResult {
  readonly results: readonly PinResult[];
  /** Whether pins.yaml was written. */
  readonly written: boolean;
}

/** At a time: enough not to wait for each, few enough not to be throttled. */
const atOnce = 6;

/**
 * Resolves what is unresolved, or checks what is pinned. What could be resolved is written, whatever came of the rest; a
 * pin that exists already is never changed. Throws PIN_UNKNOWN (usage), and what editing a file throws.
 */
export async function resolvePins(
  open: OpenPins,
  { names, check }: ResolvePinsRequest,
  sources: PinSources,
): Promise<ResolvePinsResult> {
  const entries = chosen(pinEntries(open.pins), names);
  const results: PinResult[] = [];
  const queue = entries.map((entry, index) => ({ entry, index }));
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results[next.index] = await resultOf(next.entry, check, sources);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, worker));
  const changes = results.flatMap((result) => (result.kind === "resolved" ? changesOf(result) : []));
  if (changes.length > 0) writePins(open, changes);
  return { results, written: changes.length > 0 };
}

async function resultOf(entry: PinEntry, check: boolean, sources: PinSources): Promise<PinResult> {
  const pinned = entry.fields.filter(isResolved);
  const open = entry.fields.filter((field) => !isResolved(field));
  if (check && pinned.length === 0) return { entry, kind: "unresolved" };
  if (!check && open.length === 0) return { entry, kind: "kept" };
  const looked = await sources.look(entry);
  if (looked.kind !== "found") return { entry, ...looked };
  const now = (field: PinField): string => valueOf(looked, field);
  const differences = pinned
    .filter((field) => field.value !== now(field))
    .map((field) => ({ path: field.path, pinned: field.value, now: now(field) }));
  if (differences.length > 0) return { entry, kind: "moved", differences };
  if (check) return { entry, kind: "confirmed" };
  return { entry, kind: "resolved", fields: open.map((field) => ({ path: field.path, value: now(field) })) };
}

function valueOf(looked: Extract<Looked, { kind: "found" }>, { path }: PinField): string {
  const value = looked.values[path.join(".")];
  if (value === undefined) throw new Error(`no value was looked up for ${path.join(".")}`);
  return value;
}

function changesOf({ entry, fields }: Extract<PinResult, { kind: "resolved" }>): YamlChange[] {
  return fields.map(({ path, value }) => ({ kind: "set", path: [...entry.at, ...path], value }));
}

function writePins(open: OpenPins, changes: readonly YamlChange[]): void {
  const text = editYaml(open.text, changes, open.file);
  // A source that gave something else than a digest must not be written down.
  parsePins(text);
  writeStackFile(open, { text });
}

function chosen(entries: readonly PinEntry[], names: readonly string[]): readonly PinEntry[] {
  if (names.length === 0) return entries;
  const isNamed = (entry: PinEntry, name: string): boolean =>
    name === entry.name || name === `${entry.kind}/${entry.name}`;
  const unknown = names.filter((name) => !entries.some((entry) => isNamed(entry, name)));
  if (unknown.length === 0) return entries.filter((entry) => names.some((name) => isNamed(entry, name)));
  throw new Failure({
    code: "PIN_UNKNOWN",
    kind: "usage",
    message: `${pinsFile} has no pin ${unknown.map((name) => `"${name}"`).join(", ")}.`,
    remedy: `Name one of those below, or add it to ${pinsFile}.`,
    details: entries.map(({ kind, name }) => `${kind}/${name}`),
  });
}
