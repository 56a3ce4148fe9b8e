import { z } from "zod";
import { Failure } from "../failure.ts";
import { digestSchema } from "../oci/formats.ts";

/**
 * Everything of others that a stack runs: images, charts, actions and plugins, each with the version that was chosen and
 * the digest that it had when somebody looked. `pins.yaml` at the root of the checkout holds them all.
 */

/** `unresolved`: nobody could look yet. A preview plans with it and says so; an update of production refuses it. */
export const unresolved = "unresolved";

const name = z.string().regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes");
const version = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/, "must be a version or tag");
const resolvable = (resolved: z.ZodType<string>) => z.union([z.literal(unresolved), resolved]);
/** One line: what it is used for, or why it can't be resolved. */
const note = z.string().min(1).optional();

const image = z.strictObject({
  name,
  /** Registry and path, without tag and digest. */
  repository: z.string().regex(/^[a-z0-9.-]+(?::[0-9]{1,5})?\/[a-z0-9._/-]+$/, "must be a registry and a path"),
  version,
  digest: resolvable(digestSchema),
  note,
});

const chart = z.strictObject({
  name,
  /** `oci://…` or the https address of a chart repository. */
  repository: z.string().regex(/^(?:oci|https):\/\/[^\s@?#]+$/, "must be an oci:// or https:// address"),
  /** The chart's name in an https repository; left out for oci, where the address names it. */
  chart: z.string().min(1).optional(),
  version,
  /** Of the chart's archive (https), or of its OCI manifest (oci). */
  digest: resolvable(digestSchema),
  note,
});

const action = z.strictObject({
  name,
  /** owner/repository, or a path below it. */
  uses: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9-]*\/[A-Za-z0-9._/-]+$/, "must be owner/name"),
  version,
  commit: resolvable(z.string().regex(/^[0-9a-f]{40}$/, "must be a full commit SHA")),
  note,
});

const plugin = z.strictObject({
  /** The Pulumi package: github, gcp, kubernetes, command. */
  name,
  version,
  /** SHA-256 of the archive for linux/amd64 and linux/arm64, as `pulumi plugin` fetches it. */
  sha256: z.strictObject({
    "linux/amd64": resolvable(digestSchema),
    "linux/arm64": resolvable(digestSchema),
  }),
  note,
});

const distinct = (entries: readonly { readonly name: string }[]): boolean =>
  new Set(entries.map((entry) => entry.name)).size === entries.length;

export const pinsSchema = z.strictObject({
  schema: z.literal(1),
  images: z.array(image).refine(distinct, "must not name an image twice"),
  charts: z.array(chart).refine(distinct, "must not name a chart twice"),
  actions: z.array(action).refine(distinct, "must not name an action twice"),
  plugins: z.array(plugin).refine(distinct, "must not name a plugin twice"),
});
export type Pins = z.infer<typeof pinsSchema>;
export type ImagePin = z.infer<typeof image>;
export type ChartPin = z.infer<typeof chart>;

function pinOf<P extends { readonly name: string }>(kind: string, pins: readonly P[], wanted: string): P {
  const found = pins.find((pin) => pin.name === wanted);
  if (found !== undefined) return found;
  throw new Failure({
    code: "PIN_MISSING",
    kind: "usage",
    message: `pins.yaml has no ${kind} "${wanted}".`,
    remedy: `Add it under ${kind}s with its version, then run: neko-trust pin`,
  });
}

/** The image of that name; throws PIN_MISSING (usage). */
export function imagePin(pins: Pins, wanted: string): ImagePin {
  return pinOf("image", pins.images, wanted);
}

/** The chart of that name; throws PIN_MISSING (usage). */
export function chartPin(pins: Pins, wanted: string): ChartPin {
  return pinOf("chart", pins.charts, wanted);
}

/**
 * What a pod spec names: by digest, or, while the digest is unresolved, by a tag that says so, so that a plan can be made
 * and no registry has it.
 */
export function pinnedImage(pin: ImagePin): string {
  return pin.digest === unresolved ? `${pin.repository}:${pin.version}-unresolved` : `${pin.repository}@${pin.digest}`;
}

/** Every pin that nobody has resolved, as `image kbs`, in the file's order. */
export function unresolvedPins(pins: Pins): string[] {
  return [
    ...pins.images.filter((pin) => pin.digest === unresolved).map((pin) => `image ${pin.name}`),
    ...pins.charts.filter((pin) => pin.digest === unresolved).map((pin) => `chart ${pin.name}`),
    ...pins.actions.filter((pin) => pin.commit === unresolved).map((pin) => `action ${pin.name}`),
    ...pins.plugins.filter((pin) => Object.values(pin.sha256).includes(unresolved)).map((pin) => `plugin ${pin.name}`),
  ];
}
