import { unresolved } from "../core/pins/pins.ts";
import type { Pins } from "../core/pins/pins.ts";
import type { YamlPath } from "../core/yaml/edit-yaml.ts";

/** One digest of a pin: plugins have one per platform. */
export interface PinField {
  /** Below the pin: `["digest"]`, `["sha256", "linux/amd64"]`. */
  readonly path: readonly string[];
  readonly value: string;
}

interface Entry {
  readonly name: string;
  readonly version: string;
  /** Where it is in pins.yaml. */
  readonly at: YamlPath;
  readonly fields: readonly PinField[];
}

/** A pin of any kind, with where its digests stand in pins.yaml. */
export type PinEntry =
  | (Entry & { readonly kind: "image"; readonly pin: Pins["images"][number] })
  | (Entry & { readonly kind: "chart"; readonly pin: Pins["charts"][number] })
  | (Entry & { readonly kind: "action"; readonly pin: Pins["actions"][number] })
  | (Entry & { readonly kind: "plugin"; readonly pin: Pins["plugins"][number] });

/** All pins in the file's order. */
export function pinEntries(pins: Pins): PinEntry[] {
  const entry = (list: string, index: number, { name, version }: { name: string; version: string }) => ({
    name,
    version,
    at: [list, index],
  });
  return [
    ...pins.images.map((pin, index) => ({
      kind: "image" as const,
      pin,
      ...entry("images", index, pin),
      fields: [{ path: ["digest"], value: pin.digest }],
    })),
    ...pins.charts.map((pin, index) => ({
      kind: "chart" as const,
      pin,
      ...entry("charts", index, pin),
      fields: [{ path: ["digest"], value: pin.digest }],
    })),
    ...pins.actions.map((pin, index) => ({
      kind: "action" as const,
      pin,
      ...entry("actions", index, pin),
      fields: [{ path: ["commit"], value: pin.commit }],
    })),
    ...pins.plugins.map((pin, index) => ({
      kind: "plugin" as const,
      pin,
      ...entry("plugins", index, pin),
      fields: Object.entries(pin.sha256).map(([platform, value]) => ({ path: ["sha256", platform], value })),
    })),
  ];
}

export function isResolved(field: PinField): boolean {
  return field.value !== unresolved;
}

/** `image kbs`, as messages name it. */
export function pinTitle({ kind, name }: Pick<PinEntry, "kind" | "name">): string {
  return `${kind} ${name}`;
}
