import { Failure } from "../failure.ts";
import { unresolvedPins } from "./pins.ts";
import type { Pins } from "./pins.ts";

/** Names of pins by kind; what is left out is needed by nobody. */
export interface NeededPins {
  readonly images?: readonly string[];
  readonly charts?: readonly string[];
  readonly actions?: readonly string[];
  readonly plugins?: readonly string[];
}

export interface PinContext {
  readonly environment: "local" | "staging" | "production";
  /** Whether this is a preview. */
  readonly dryRun: boolean;
  /** What the stack's components use; all pins, unless given. */
  readonly needed?: NeededPins;
}

const kinds = { images: "image", charts: "chart", actions: "action", plugins: "plugin" } as const;

/**
 * Refuses to change production while something of others that it runs has no digest: a tag may name something else by
 * the time a node pulls it. A preview, and an update of staging, get warnings instead: there the image is named by a
 * tag that no registry has (`pinnedImage`). Stack local pulls nothing. Throws PIN_UNRESOLVED (usage).
 */
export function assertPinsResolved(pins: Pins, { environment, dryRun, needed }: PinContext): string[] {
  if (environment === "local") return [];
  const wanted = needed === undefined ? undefined : new Set(namesOf(needed));
  const unknown = unresolvedPins(pins).filter((pin) => wanted === undefined || wanted.has(pin));
  if (unknown.length === 0) return [];
  if (dryRun || environment !== "production") {
    return unknown.map((pin) => `${pin} has no digest in pins.yaml: resolve it with "neko-trust pin".`);
  }
  throw new Failure({
    code: "PIN_UNRESOLVED",
    kind: "usage",
    message: `Production is not changed while ${unknown.length === 1 ? "a pin has" : `${unknown.length} pins have`} no digest.`,
    remedy: "Run neko-trust pin where the registries can be reached, review what it wrote to pins.yaml, and commit it.",
    details: unknown,
  });
}

/** As `unresolvedPins` names them: `image kbs`. */
function namesOf(needed: NeededPins): string[] {
  return Object.entries(kinds).flatMap(([kind, one]) =>
    (needed[kind as keyof NeededPins] ?? []).map((name) => `${one} ${name}`),
  );
}
