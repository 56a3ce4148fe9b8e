import { z } from "zod";
import { parseCidr } from "../../src/core/cidr.ts";
import { bytesPattern, cpuPattern } from "./quantities.ts";
import { isMetadata } from "./metadata-addresses.ts";

/** Formats that both parts' settings share. */

/** A name that Kubernetes and Google Cloud take: it starts with a letter, as Google's must. */
export const name = (longest: number) =>
  z
    .string()
    .max(longest)
    .regex(/^[a-z](?:[a-z0-9-]*[a-z0-9])?$/, "must be lower-case letters, digits and dashes, starting with a letter");

/** Why something that is usually refused is wanted; shown in the plan. */
export const reason = z.string().min(10, "must be a reason of at least 10 characters").max(300);

/** The shortest prefix that still is a list of addresses rather than the whole internet. */
const shortest = { 4: 8, 6: 19 } as const;

export const cidr = z.string().superRefine((text, context) => {
  const parsed = parseCidr(text);
  const fault = (message: string): void => {
    context.addIssue({ code: "custom", message });
  };
  if (parsed === undefined) fault("must be a range whose address is its first, for example 192.0.2.0/24");
  else if (parsed.prefix < shortest[parsed.family]) {
    fault("must not be wider than /8 (IPv4) or /19 (IPv6): an allow-list of everything is none");
  } else if (isMetadata(text)) fault("must not be a metadata server's address: it answers with the node's credentials");
});

const port = z.int().min(1).max(65_535);

/** Where jobs may connect to, by TCP. */
export const destination = z.strictObject({
  /** What it is: part of the rule's name. */
  name: name(20),
  cidrs: z.array(cidr).min(1),
  ports: z.array(port).min(1),
});
export type Destination = z.infer<typeof destination>;

/** The allow-list; GitHub's own ranges are one of its entries (see the README). */
export const egress = z
  .array(destination)
  .min(1)
  .refine(
    (list) => new Set(list.map((entry) => entry.name)).size === list.length,
    "must not use the same name for two destinations",
  );

/** What a container gets; it is also what it asks for, so that a node is never promised twice. */
export const amounts = z.strictObject({
  cpu: z.string().regex(cpuPattern, "must be a number of processors or thousandths, for example 2 or 500m"),
  memory: z.string().regex(bytesPattern, "must be whole Mi or Gi, for example 512Mi"),
  ephemeralStorage: z.string().regex(bytesPattern, "must be whole Mi or Gi, for example 20Gi"),
});
