import { requirements } from "../src/core/compile/requirement.ts";
import type { Requirement } from "../src/core/compile/requirement.ts";
import { compileTargets } from "../src/core/compile/targets.ts";
import { policySupport } from "../src/core/verify/check-support.ts";
import { findingCodes } from "../src/core/verify/finding.ts";
import { findingMeanings } from "../src/core/verify/finding-meanings.ts";
import { eventLogFaultMeanings } from "../src/core/tdx/event-log-fault.ts";
import { faultMeanings } from "../src/core/tdx/fault-meanings.ts";
import type { FaultMeaning } from "../src/core/tdx/fault-meanings.ts";
import { quoteFaultCodes } from "../src/core/tdx/fault.ts";
import { endorsementFaultMeanings } from "../src/core/tdx/launch-endorsement-fault.ts";

/** Reference pages in Markdown, made from the tables that the program itself uses. */

export const notice = "<!-- Made by `make generate` (dev/generate.ts). Do not edit: edit the source that it names. -->";

/** A Markdown table; `|` in cells is escaped, so that no text can break it. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

/** docs/generated/finding-codes.md */
export function findingCodesPage(): string {
  const rows = findingCodes.map((code) => [`\`${code}\``, findingMeanings[code].meaning, findingMeanings[code].remedy]);
  return `${notice}

# Finding codes

What \`verifyRelease\` reports when a release does not prove what the policy demands. All independent checks run, so one
release can have several findings; each also says what it is about, what was expected and what was found. The codes are
stable: scripts may compare them. Source: \`src/core/verify/finding.ts\` and \`finding-meanings.ts\`.

${table(["Code", "What it says", "What to do"], rows)}
`;
}

/** docs/generated/quote-fault-codes.md */
export function quoteFaultCodesPage(): string {
  const rows = quoteFaultCodes.map((code) => [`\`${code}\``, faultMeanings[code].meaning, faultMeanings[code].remedy]);
  return `${notice}

# Fault codes of TDX quotes

Why a quote is refused, in the order in which it is looked at: the quote's bytes, certificates, collateral, levels (\`verifyQuote\`), and
what a policy and this project ask of the trust domain (\`acceptTd\`: from \`TCB_REVOKED\` on). All that can be judged is judged, so one
quote can have several faults; each also says what it is about, what was expected and what was found. The codes are stable: scripts
may compare them. [attestation.md](../attestation.md) has each check with its source. Source: \`src/core/tdx/fault.ts\` and
\`fault-meanings.ts\`.

${table(["Code", "What it says", "What to do"], rows)}
`;
}

function meaningsTable(meanings: Readonly<Record<string, FaultMeaning>>): string {
  const rows = Object.entries(meanings).map(([code, { meaning, remedy }]) => [`\`${code}\``, meaning, remedy]);
  return table(["Code", "What it says", "What to do"], rows);
}

/** docs/generated/event-log-fault-codes.md */
export function eventLogFaultCodesPage(): string {
  return `${notice}

# Fault codes of event logs

Why the event log of a trust domain (ACPI table CCEL) is refused: in its form, where reading ends with the first fault, and then in
what it replays to. A release's finding about it is \`TEE_EVENT_LOG_MISMATCH\`, which names these codes. The codes are stable:
scripts may compare them. Source: \`src/core/tdx/event-log-fault.ts\`.

${meaningsTable(eventLogFaultMeanings)}
`;
}

/** docs/generated/endorsement-fault-codes.md */
export function endorsementFaultCodesPage(): string {
  return `${notice}

# Fault codes of launch endorsements

Why Google's endorsement of a machine's firmware is refused, or does not cover the machine (\`neko-trust tee endorsement\`), in the
order in which it is looked at; the first fault ends it. That it can't be fetched, or that there is none
(\`ENDORSEMENT_ABSENT\`), is a failure of the command, which says what to do. The codes are stable: scripts may compare them.
Source: \`src/core/tdx/launch-endorsement-fault.ts\`.

${meaningsTable(endorsementFaultMeanings)}
`;
}

const supportMeanings: Readonly<Record<(typeof policySupport)[keyof typeof policySupport], string>> = {
  enforced: "verified for every release",
  descriptive: "a name for people; demands nothing",
  unsupported: "not enforced yet: a policy that demands it is refused with `POLICY_UNSUPPORTED`",
};

/** docs/generated/support-matrix.md: a column per target of src/core/compile/targets.ts. */
export function supportMatrixPage(): string {
  const rows = Object.entries(policySupport).map(([field, support]) => [
    `\`${field}\``,
    support,
    supportMeanings[support],
  ]);
  const targets = Object.entries(requirements).map(([name, { says }]) => [
    name,
    says,
    ...Object.values(compileTargets).map(({ support }) => support[name as Requirement]),
  ]);
  return `${notice}

# What enforces which field of the TrustPolicy

No field is ignored. Source: \`src/core/verify/check-support.ts\`.

${table(["Field", "verifyRelease", "Which means"], rows)}

# What each target sees of a requirement

\`enforced\`: the target itself refuses what does not meet it. \`digest-only\`: it admits only digests for which \`verifyRelease\`
proved it before. \`unseen\`: neither. Source: \`src/core/compile/requirement.ts\` and each target's \`support.ts\`.

An engine lies over the baseline (ValidatingAdmissionPolicy): what the engine does not see, the baseline's list of digests answers for.

${table(["Requirement", "What it says", ...Object.values(compileTargets).map(({ title }) => title)], targets)}
`;
}
