import { z } from "zod";
import { digestSchema } from "../oci/formats.ts";

/**
 * The predicate of a vulnerability scan of one platform (`…/trust/scan/v1`, docs/scans.md): which SBOM was looked at, by what, with
 * which database, and what was found. VEX statuses are OpenVEX's (openvex.dev/docs, "Status Labels").
 */

const text = z.string().min(1).max(1024);
const time = z.iso.datetime({ message: "must be an ISO 8601 date and time in UTC" });

export const severities = ["low", "medium", "high", "critical"] as const;
export type Severity = (typeof severities)[number];

export const scanPredicateSchema = z.strictObject({
  schema: z.literal(1),
  scanner: z.strictObject({ name: text, version: text }),
  database: z.strictObject({ updated: time }),
  finished: time,
  /** SHA-256 of the RFC 8785 form of the SBOM that was scanned: the one that the release manifest names. */
  sbom: digestSchema,
  vulnerabilities: z
    .array(
      z.strictObject({
        /** `CVE-2026-0001`, `GHSA-…`. */
        id: text,
        /** `unknown` counts as critical: what nobody rated is not harmless. */
        severity: z.enum([...severities, "unknown"]),
        package: text,
        version: text.optional(),
        vex: z
          .strictObject({
            status: z.enum(["not_affected", "affected", "fixed", "under_investigation"]),
            justification: text.optional(),
          })
          .optional(),
      }),
    )
    .max(20_000),
});
export type ScanPredicate = z.infer<typeof scanPredicateSchema>;
