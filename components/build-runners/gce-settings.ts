import { z } from "zod";
import { durationMilliseconds, durationPattern } from "../../src/core/duration.ts";
import { digestSchema } from "../../src/core/oci/formats.ts";
import { cidr, egress, name, reason } from "./formats.ts";

/** The `gce` part: one virtual machine per job, for builds. */

const projectId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "must be a project id of 6 to 30 lower-case letters, digits and dashes");
const region = z
  .string()
  .regex(/^(?:[a-z]+-[a-z]+[0-9]+|[a-z-]*placeholder[a-z0-9-]*)$/, "must be a region, for example europe-west4");
const zone = z
  .string()
  .regex(/^(?:[a-z]+-[a-z]+[0-9]+-[a-z]|[a-z-]*placeholder[a-z0-9-]*)$/, "must be a zone, for example europe-west4-a");

/** How many hex digits of the image's SHA-256 its name must end with: 63 characters is all that a name has. */
export const digestDigits = 32;

const image = z
  .strictObject({
    project: projectId,
    /** The image's own name. A family is refused: it names whatever image came last. */
    name: z
      .string()
      .max(63)
      .regex(
        new RegExp(`^[a-z](?:[a-z0-9-]*[a-z0-9])?-[0-9a-f]{${digestDigits}}$`),
        `must be an image's name that ends with a dash and the first ${digestDigits} hex digits of its SHA-256, not a family`,
      ),
    /** Of the disk that the image was made of, as its release manifest says. */
    sha256: digestSchema,
  })
  .refine((given) => given.name.endsWith(given.sha256.slice("sha256:".length, "sha256:".length + digestDigits)), {
    path: ["name"],
    message: `must end with the first ${digestDigits} hex digits of sha256`,
  });

/** Compute Engine's own bounds are 30 seconds and 120 days. */
const longestHours = 24;
const maxRunTime = z
  .string()
  .regex(durationPattern, "must be a whole number and one of s, m, h, d, for example 3h")
  .refine(
    (text) =>
      !durationPattern.test(text) ||
      (durationMilliseconds(text) >= 60_000 && durationMilliseconds(text) <= longestHours * 3_600_000),
    `must be between 1m and ${longestHours}h`,
  );

const selfLink = (kind: string, example: string) =>
  z.string().regex(new RegExp(`^projects/[a-z0-9-]+/${kind}/[a-z0-9-]+$`), `must be ${example}`);

const network = z.discriminatedUnion("kind", [
  z.strictObject({
    /** A network of the runners' own, with Cloud NAT. */
    kind: z.literal("own"),
    /** The subnet's range. */
    cidr,
    egress,
  }),
  z.strictObject({
    /** A subnet that exists; the component's firewall rules are added to its network, for the runners' account only. */
    kind: z.literal("existing"),
    network: selfLink("global/networks", "projects/<project>/global/networks/<name>"),
    subnetwork: selfLink("regions/[a-z0-9-]+/subnetworks", "projects/<project>/regions/<region>/subnetworks/<name>"),
    egress,
  }),
]);

export const gceSettingsSchema = z
  .strictObject({
    project: projectId,
    region,
    /** Where machines may be started. */
    zones: z.array(zone).min(1),
    /** Starts the name of every machine, and of everything that is made here. */
    name: name(20),
    machineType: z.string().regex(/^[a-z][a-z0-9]*-[a-z0-9-]+$/, "must be a machine type, for example n2-standard-16"),
    image,
    disk: z.strictObject({
      type: z.enum(["pd-balanced", "pd-ssd", "hyperdisk-balanced"]),
      sizeGb: z.int().min(20).max(4000),
    }),
    /** After this time Compute Engine deletes the machine, whatever it is doing. */
    maxRunTime,
    /** `spot` is cheaper, and may be taken away in the middle of a build. */
    provisioning: z.enum(["standard", "spot"]),
    network,
    /** Off only where the image's boot loader isn't signed by a key that the image enrols. */
    secureBoot: z.union([z.literal("required"), z.strictObject({ reason })], {
      error: "must be required, or { reason } to boot without it",
    }),
    /** Whether jobs on these machines sign: then certificates say `self-hosted`, as the policy's signers must. */
    signs: z.boolean(),
  })
  .superRefine((given, context) => {
    given.zones.forEach((entry, index) => {
      if (entry.startsWith(`${given.region}-`) || entry.includes("placeholder")) return;
      context.addIssue({ code: "custom", path: ["zones", index], message: `must be a zone of ${given.region}` });
    });
    if (given.network.kind !== "existing") return;
    const { network: existing, subnetwork } = given.network;
    const fault = (key: string, message: string): void => {
      context.addIssue({ code: "custom", path: ["network", key], message });
    };
    // Firewall rules and custom roles belong to one project: a shared VPC's can't be made from here.
    const start = `projects/${given.project}/`;
    if (!existing.startsWith(start)) fault("network", `must be a network of ${given.project}`);
    if (!subnetwork.startsWith(`${start}regions/${given.region}/`)) {
      fault("subnetwork", `must be a subnet of ${given.project} in ${given.region}`);
    }
  });
export type GceSettings = z.infer<typeof gceSettingsSchema>;
