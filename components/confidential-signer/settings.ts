import { z } from "zod";
import { readKbsUrl } from "../../src/core/kbs/kbs-url.ts";
import { mostRepositories } from "../../src/core/signer-settings.ts";
import { mostTimestamps } from "../../src/core/tdx/evidence-document.ts";
import { isResourceId } from "../../src/core/kbs/resource-id.ts";
import { isRepository } from "../../src/core/release/reference.ts";
import { hostsAndRangesCover, isPrivateRange, prefixLength, rangeContains, rulePriority } from "./addresses.ts";

/** ConfidentialSigner's part of a stack's configuration: where the signer's machines run, and what they may reach. */

/** A placeholder that a preview plans with and an update refuses may stand wherever an account's own value would. */
const orPlaceholder = (pattern: RegExp, message: string) =>
  z
    .string()
    .max(1024)
    .refine((text) => pattern.test(text) || /^[a-z0-9./-]*placeholder[a-z0-9./-]*$/.test(text), message);
const distinct = (entries: readonly unknown[]): boolean => new Set(entries).size === entries.length;

/** RFC 1035, as Compute Engine takes names; short, as the names of what is made are longer. */
const prefix = z
  .string()
  .max(24)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, "must begin with a letter and be lower-case letters, digits and dashes");

const project = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, "must be a project's id: 6 to 30 lower-case letters, digits and dashes"),
  /** Names the service agents of Compute Engine and Cloud Storage, which use the keys. `0` is a placeholder. */
  number: z.string().regex(/^(?:0|[1-9][0-9]{5,18})$/, "must be the project's number, as text"),
});

const region = orPlaceholder(/^[a-z]+-[a-z]+[0-9]+$/, "must be a region, for example europe-west9");
const zone = orPlaceholder(/^[a-z]+-[a-z]+[0-9]+-[a-z]$/, "must be a zone, for example europe-west9-a");

/** Base64 of a DER certificate or an EFI signature list, as the firmware takes them. */
const key = z
  .string()
  .min(16)
  .max(65_536)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/, "must be base64 of a key's DER or EFI file, on one line");

const tdx = z
  .strictObject({
    /** Every type has measurements of its own in RTMR0. */
    machineType: z.enum(
      ["c3-standard-4", "c3-standard-8", "c3-standard-22", "c3-standard-44", "c3-standard-88", "c3-standard-176"],
      "must be a c3-standard type: only those have TDX",
    ),
    /**
     * `disabled`: the firmware boots any loader, and hands it a command line of its own. `enrolled`: only what these keys
     * signed boots; Google's own keys are not used.
     */
    secureBoot: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("disabled") }),
      z.strictObject({
        kind: z.literal("enrolled"),
        platformKey: key,
        keyExchangeKeys: z.array(key).min(1).max(8),
        signatures: z.array(key).min(1).max(8),
        forbidden: z.array(key).max(8).optional(),
      }),
    ]),
    /** With a vTPM systemd-stub measures to it and leaves RTMR2 at zero; without, it measures to RTMR2. */
    vtpm: z.boolean(),
    /** Whether who verifies a quote replays RTMR0 (firmware variables, boot entries, ACPI tables) from the event log. */
    rtmr0: z.enum(["replayed", "not-replayed"]),
    /** Whether the image's kernel refuses to run the host's AML code (BadAML). */
    acpi: z.enum(["kernel-patched", "unpatched"]),
  })
  .superRefine((settings, context) => {
    if (settings.rtmr0 === "replayed") return;
    const refuse = (path: string, message: string) => {
      context.addIssue({ code: "custom", path: [path], message });
    };
    if (settings.secureBoot.kind === "disabled") {
      refuse(
        "secureBoot",
        "must not be disabled while rtmr0 is not-replayed: a command line with another init= would go unseen",
      );
    }
    if (settings.acpi === "unpatched") {
      refuse("acpi", "must not be unpatched while rtmr0 is not-replayed: the host's AML code would go unseen (BadAML)");
    }
  });

const hostPattern = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const host = z.string().regex(hostPattern, "must be a host's full name in lower case: no wildcard, no address");

const range = z
  .string()
  .refine(
    (text) => prefixLength(text) !== undefined,
    "must be an IPv4 range such as 203.0.113.0/24, its host bits zero",
  );
const port = z.int().min(1).max(65_535);
const ruleName = z
  .string()
  .max(40)
  .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes");

const destination = z
  .strictObject({
    /** What it is for; part of the rule's name. */
    name: ruleName,
    /** The firewall follows their DNS records; at most 32 addresses of each are let through. */
    hosts: z.array(host).max(100).refine(distinct, "must not repeat a host").optional(),
    ranges: z
      .array(
        range.refine(
          (text) => (prefixLength(text) ?? 32) >= 16,
          "must be /16 or narrower: a wider one is no allow-list",
        ),
      )
      .max(100)
      .refine(distinct, "must not repeat a range")
      .optional(),
    ports: z.array(port).min(1).max(8).refine(distinct, "must not repeat a port"),
    /** TCP unless given; UDP is what time comes by. */
    protocol: z.enum(["tcp", "udp"]).optional(),
  })
  .refine(
    (entry) => (entry.hosts === undefined) !== (entry.ranges === undefined),
    "must have either hosts or ranges: a rule with both would let through only what matches both",
  )
  .refine((entry) => (entry.hosts ?? entry.ranges)?.length !== 0, "must name a host or a range");

const network = z.strictObject({
  /** Of the one subnetwork; addresses of the signers only. */
  range: range.refine(isPrivateRange, "must lie in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16").refine((text) => {
    const length = prefixLength(text) ?? 0;
    return length >= 20 && length <= 29;
  }, "must be /20 to /29"),
  /** All that the signers may reach, beside Google's own APIs and metadata server. */
  egress: z
    .array(destination)
    .min(1)
    .max(64)
    .refine((entries) => distinct(entries.map(({ name }) => name)), "must not repeat a name")
    .refine(
      (entries) => distinct([...new Set(entries.map(({ name }) => name))].map(rulePriority)),
      "must have other names: two of them get the same priority",
    ),
});

const days = (least: number, most: number) => z.int().min(least).max(most);

const keys = z.strictObject({
  /** A new version is made, and used from then on, every so many days. */
  rotationDays: days(1, 365),
  /** How long a version that somebody destroys can be brought back; fixed when the key is made. */
  destroyAfterDays: days(1, 120),
  /** The key ring and keys are there already (they outlive a destroy): take them over. */
  adopt: z.boolean(),
});

const httpsUrl = z
  .string()
  .max(512)
  .regex(
    /^https:\/\/[a-z0-9.-]+(?::[1-9][0-9]{0,4})?(?:\/[A-Za-z0-9._~/-]*)?$/,
    "must be an https address without user, query and fragment",
  )
  .refine((text) => URL.canParse(text), "must be an https address");

const repository = z
  .string()
  .max(512)
  // As the machine reads it: what it refuses there would end its service, after a rollout.
  .refine(isRepository, "must be registry/path, without tag and digest");
const hostOf = (text: string): string | undefined => text.split("/", 1)[0];

const service = z.strictObject({
  /** The repository that the signers watch, or up to eight of one registry: registry and path. */
  repository: z.union(
    [
      repository,
      z
        .array(repository)
        .min(1)
        .max(mostRepositories)
        .refine(distinct)
        .refine((entries) => new Set(entries.map(hostOf)).size === 1),
    ],
    `must be registry/path, without tag and digest, or 1 to ${mostRepositories} different ones of one registry`,
  ),
  keyBroker: z.strictObject({
    /** As its client takes it (docs/key-broker.md). */
    url: httpsUrl.refine((text) => readKbsUrl(text) !== undefined, "must be https://host/kbs"),
    /** Of the credential to publish with, in the key broker. */
    resource: z
      .string()
      .max(200)
      .regex(/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9][A-Za-z0-9._-]*){2}$/, "must be repository/type/tag")
      .refine(isResourceId, "must be repository/type/tag, as the key broker's client takes it"),
  }),
  /** Where Intel's collateral comes from: Intel's own service, or a cache of it. */
  collateralUrl: httpsUrl,
  /** Time-stamp authorities: one, or up to four; at least as many as `roots.tsa` of the policy in the image. */
  timestampUrl: z.union(
    [httpsUrl, z.array(httpsUrl).min(1).max(mostTimestamps).refine(distinct)],
    `must be an https address without user, query and fragment, or 1 to ${mostTimestamps} different ones`,
  ),
});

const health = z.strictObject({
  /** Minutes without an attested heartbeat after which somebody is told. */
  silenceMinutes: z.int().min(10).max(1440),
  notificationChannels: z
    .array(
      orPlaceholder(
        /^projects\/[a-z0-9-]+\/notificationChannels\/[0-9]+$/,
        "must be projects/<project>/notificationChannels/<number>",
      ),
    )
    .min(1, "must name a channel: an alert that nobody gets is none")
    .max(16)
    .refine(distinct, "must not repeat a channel"),
});

const labelName = z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/, "must be lower-case letters, digits, _ and -");
const labelValue = z.string().regex(/^[a-z0-9_-]{0,63}$/, "must be lower-case letters, digits, _ and -");

const shape = z.strictObject({
  /** Starts the name of everything that is made. */
  name: prefix,
  project,
  region,
  /** One signer in each: maintenance ends a TDX machine, and another zone's goes on. */
  zones: z
    .array(zone)
    .min(1)
    .max(3)
    .refine((zones) => distinct(zones.map((one) => one.split("-").at(-1))), "must not repeat a zone"),
  tdx,
  network,
  keys,
  disk: z.strictObject({
    /** Of the machine's own disk, in GB; what the image has when left out. */
    sizeGb: z.int().min(10).max(1000).optional(),
    /** How long a disk artifact that was removed from the bucket can be brought back. */
    keepDays: days(7, 90),
  }),
  service,
  health,
  labels: z
    .record(labelName, labelValue)
    .refine((labels) => Object.keys(labels).length <= 32, "must be at most 32")
    .refine(
      (labels) => !Object.keys(labels).some((name) => name.startsWith("neko-trust")),
      "must not begin with neko-trust: those are set here",
    ),
  /** Lets an update stop a signer for what Compute Engine can't change while it runs. `false`: such an update fails. */
  allowStopping: z.boolean(),
  /** `keep`: signers, keys and bucket are protected; a signer goes only after it was listed as retained. */
  onDestroy: z.enum(["keep", "delete"]),
});

export const confidentialSignerSettingsSchema = shape.superRefine((settings, context) => {
  settings.zones.forEach((one, index) => {
    if (one.startsWith(`${settings.region}-`) || one.includes("placeholder")) return;
    const message = `must lie in the region ${settings.region}: its keys and subnetwork do`;
    context.addIssue({ code: "custom", path: ["zones", index], message });
  });
  const { repository, keyBroker, collateralUrl, timestampUrl } = settings.service;
  const needed = [
    ...[repository].flat().map((one) => ["repository", `https://${one}`] as const),
    ["keyBroker.url", keyBroker.url],
    ["collateralUrl", collateralUrl],
    ...[timestampUrl].flat().map((address) => ["timestampUrl", address] as const),
  ] as const;
  for (const [path, address] of needed) {
    if (!URL.canParse(address)) continue;
    const { hostname, port: given } = new URL(address);
    const wanted = given === "" ? 443 : Number(given);
    if (hostsAndRangesCover(settings.network.egress, hostname, wanted)) continue;
    const message = `must be reachable: network.egress lets nobody reach ${hostname} at port ${wanted}`;
    context.addIssue({ code: "custom", path: ["service", ...path.split(".")], message });
  }
  const own = settings.network.egress.findIndex((entry) =>
    entry.ranges?.some((one) => rangeContains(one, settings.network.range)),
  );
  if (own >= 0) {
    const message = "must not hold network.range: signers don't speak to each other";
    context.addIssue({ code: "custom", path: ["network", "egress", own, "ranges"], message });
  }
});
export type ConfidentialSignerSettings = z.infer<typeof confidentialSignerSettingsSchema>;
