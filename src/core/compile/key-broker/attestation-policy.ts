import type { TeeRules } from "./rules.ts";

/** The id under which the attestation service looks a CPU's policy up; setting "default" has no effect (facts of v0.21.0). */
export const attestationPolicyId = "default_cpu";

/** Names of the reference values that the policy asks for. */
export const referenceNames = ["mr_td", "rtmr_0", "rtmr_1", "rtmr_2", "rtmr_1_2"] as const;
export type ReferenceName = (typeof referenceNames)[number];

/** A Rego string: JSON's grammar, which Rego's interpreted strings share. */
const text = (value: string): string => JSON.stringify(value);

/** A Rego set of strings, sorted, so that the same rules give the same bytes; `set()` is how Rego writes the empty one. */
export function stringSet(values: readonly string[]): string {
  return values.length === 0 ? "set()" : `{${values.toSorted().map(text).join(", ")}}`;
}

const zeros = (bytes: number): string => text("00".repeat(bytes));

/**
 * The attestation policy: Rego v1, `package policy`. It maps the claims of a TDX quote that Trustee has verified to an
 * EAR trust vector. Affirming needs all three of executables, hardware and configuration; whatever is missing, unknown or
 * another TEE leaves the defaults, which are contraindicated (AR4SI: 96 and above).
 *
 * Trustee's own policy leaves RTMR0, RTMR3, mr_config_id, mr_owner, advisories and TCB dates unchecked, and Trustee itself
 * lets outdated platforms and expired collateral through: nothing but this policy stops them.
 */
export function attestationPolicy(rules: TeeRules): string {
  const platform = rules.platforms.length === 0 ? [] : [`\ttdx.platform_provider_id in ${stringSet(rules.platforms)}`];
  return `${[
    "# Compiled by neko-trust (src/core/compile/key-broker). Do not edit: what is changed here is lost.",
    "package policy",
    "",
    "import rego.v1",
    "",
    "default executables := 96",
    "",
    "default hardware := 97",
    "",
    "default configuration := 96",
    "",
    "trust_claims := {",
    '\t"executables": executables,',
    '\t"hardware": hardware,',
    '\t"configuration": configuration,',
    '\t"file-system": 0,',
    '\t"instance-identity": 0,',
    '\t"runtime-opaque": 0,',
    '\t"storage-opaque": 0,',
    '\t"sourced-data": 0,',
    "}",
    "",
    "extensions := []",
    "",
    "# Claims of another TEE beside the quote, above all of the unsigned sample, leave this undefined.",
    "tdx := input.tdx if {",
    '\tcount({key | some key in object.keys(input); not key in {"tdx", "report_data", "init_data", "runtime_data_claims", "init_data_claims"}}) == 0',
    "}",
    "",
    "body := tdx.quote.body",
    "",
    "# A reference value that is absent, or no list, matches nothing.",
    "reference(name) := values if {",
    "\tvalues := query_reference_value(name)",
    "\tis_array(values)",
    "}",
    "",
    "executables := 3 if {",
    '\tbody.rtmr_1 in reference("rtmr_1")',
    '\tbody.rtmr_2 in reference("rtmr_2")',
    "\t# Both of one release: not the boot of one with the command line of another.",
    '\tconcat(":", [body.rtmr_1, body.rtmr_2]) in reference("rtmr_1_2")',
    "\t# Whoever runs in the guest may extend RTMR3; the signer never does.",
    `\tbody.rtmr_3 == ${zeros(48)}`,
    "}",
    "",
    "hardware := 2 if {",
    '\ttdx.quote.header.version in {"0400", "0500"}',
    '\ttdx.quote.header.att_key_type == "0200"',
    '\ttdx.quote.header.tee_type == "81000000"',
    '\ttdx.quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"',
    `\tbody.mrsigner_seam == ${zeros(48)}`,
    `\tbody.seam_attributes == ${zeros(8)}`,
    '\tbody.mr_td in reference("mr_td")',
    '\tbody.rtmr_0 in reference("rtmr_0")',
    `\ttdx.tcb_status in ${stringSet(rules.statuses)}`,
    '\ttdx.collateral_expiration_status == "0"',
    "\tadvisories_allowed",
    `\ttime.parse_rfc3339_ns(tdx.tcb_date) >= time.parse_rfc3339_ns(${text(rules.minTcbDate)})`,
    "\tis_number(tdx.tcb_eval_num)",
    `\ttdx.tcb_eval_num >= ${rules.minEvaluation}`,
    ...platform,
    "}",
    "",
    "advisories_allowed if {",
    "\tis_array(tdx.advisory_ids)",
    `\tcount({id | some id in tdx.advisory_ids; not id in ${stringSet(rules.advisoriesAllowed)}}) == 0`,
    "}",
    "",
    "configuration := 2 if {",
    "\ttdx.td_attributes.debug == false",
    `\tbody.td_attributes in ${stringSet(rules.tdAttributes)}`,
    `\tbody.xfam in ${stringSet(rules.xfam)}`,
    "\t# Google sets none of these; a value would be the host's.",
    `\tbody.mr_config_id == ${zeros(48)}`,
    `\tbody.mr_owner == ${zeros(48)}`,
    `\tbody.mr_owner_config == ${zeros(48)}`,
    "\tnot service_td",
    "}",
    "",
    "# Only a quote of version 5 has the field: a bound service TD could migrate the guest.",
    `service_td if body.mr_servicetd != ${zeros(48)}`,
  ].join("\n")}\n`;
}
