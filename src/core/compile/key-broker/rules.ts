import { z } from "zod";
import { attributeFaults } from "../../tdx/td-policy.ts";
import { isZeroHex } from "../../zero-hex.ts";

/**
 * What the key broker's policies are compiled from, beside the signer's release: which platforms and states of them may
 * get the credential, and under which name it is kept. No default: each of these widens or narrows who is trusted.
 */

const placeholder = "placeholder(?:-[a-z0-9]+)+";

/** Lower-case hex of a fixed length, or a placeholder, which a preview may plan with. */
const hex = (digits: number, what: string) =>
  z
    .string()
    .regex(
      new RegExp(`^(?:[0-9a-f]{${digits}}|${placeholder})$`),
      `must be ${digits} lower-case hex digits: ${what} as Trustee's claims show it`,
    );

/** A register that nothing was measured into says nothing about what booted. */
const measured = (what: string) =>
  hex(96, what).refine((value) => !isZeroHex(value), `must not be all zero: then ${what} proves nothing`);

const distinct = (values: readonly string[]): boolean => new Set(values).size === values.length;

const list = <T extends z.ZodType<string>>(entry: T) =>
  z.array(entry).min(1, "must not be empty").max(64).refine(distinct, "must not name one twice");

/** TCB statuses, as Trustee writes them (deps/verifier/src/intel_dcap/claims.rs); `Revoked` ends the verification. */
export const tcbStatuses = [
  "UpToDate",
  "SWHardeningNeeded",
  "ConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
  "TDRelaunchAdvised",
  "TDRelaunchAdvisedConfigurationNeeded",
  "OutOfDate",
  "OutOfDateConfigurationNeeded",
] as const;

const tdAttributes = hex(16, "td_attributes").superRefine((value, context) => {
  if (!/^[0-9a-f]{16}$/.test(value)) return;
  for (const { expected, found } of attributeFaults(value)) {
    context.addIssue({ code: "custom", message: `must be ${expected}, as every quote is judged (it is ${found})` });
  }
});

export const teeRulesSchema = z.strictObject({
  /** MRTDs of the firmware that Google endorses for the machine (gce_tcb_integrity). */
  mrtd: list(measured("MRTD")),
  /** RTMR0: firmware configuration, Secure Boot state, ACPI. Differs per machine type and firmware release. */
  rtmr0: list(measured("RTMR0")),
  /** Whole values of td_attributes; on GCP 0000001000000000. */
  tdAttributes: list(tdAttributes),
  /** Whole values of XFAM; on GCP e700060000000000. */
  xfam: list(hex(16, "xfam")),
  statuses: z
    .array(z.enum(tcbStatuses, `must be one of ${tcbStatuses.join(", ")}`))
    .min(1, "must not be empty")
    .refine(distinct, "must not name one twice"),
  /** Advisories that may apply to a platform; every other one refuses it. */
  advisoriesAllowed: z
    .array(z.string().regex(/^INTEL-SA-[0-9]{5}$/, "must be INTEL-SA- and five digits"))
    .max(64)
    .refine(distinct, "must not name one twice"),
  /** The platform's TCB level must not be older (Intel's TCB recovery dates). */
  minTcbDate: z
    .string()
    .regex(
      /^20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T00:00:00Z$/,
      "must be a day: 2026-02-11T00:00:00Z",
    ),
  /** Intel's tcbEvaluationDataNumber must not be lower. */
  minEvaluation: z.int().min(1).max(10_000),
  /** PPIDs of the machines that may attest; empty leaves the platform unbound, which is said in a warning. */
  platforms: z.array(hex(32, "a platform's PPID")).max(1024).refine(distinct, "must not name one twice"),
});
export type TeeRules = z.infer<typeof teeRulesSchema>;

const segment = z
  .string()
  .max(63)
  .regex(/^[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?$/, "must be lower-case letters, digits, dashes and underscores");

/** Where the credential lies in the broker: `default/<type>/<tag>`. */
export const brokerResourceSchema = z.strictObject({ type: segment, tag: segment });
export type BrokerResource = z.infer<typeof brokerResourceSchema>;

/** `default/<type>/<tag>`: the path below /kbs/v0/resource/. */
export function resourcePath({ type, tag }: BrokerResource): string {
  return `default/${type}/${tag}`;
}
