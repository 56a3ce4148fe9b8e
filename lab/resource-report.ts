import { nameOfUrn } from "../src/engine/progress.ts";
import type { EngineResource } from "../src/engine/progress.ts";
import { latestOutcomes, readJournal } from "./stand-ins/journal.ts";
import type { Outcome } from "./stand-ins/journal.ts";

/** What happened to one resource: the engine's step now, and the outcome that the stand-ins' journal tells. */
export interface ResourceReport {
  readonly urn: string;
  readonly name: string;
  readonly type: string;
  /** The engine's step in this run; `same` when nothing changed. */
  readonly op: string;
  readonly outcome: Outcome;
  readonly where: string;
}

/**
 * Every resource that a stand-in was asked for, in the engine's order. Components, providers and the stack itself are
 * the engine's own and have no outcome.
 */
export function resourceReport(resources: readonly EngineResource[], journalFile: string): ResourceReport[] {
  const outcomes = latestOutcomes(readJournal(journalFile).entries);
  return resources.flatMap(({ urn, type, op }) => {
    const entry = outcomes.get(urn);
    return entry === undefined
      ? []
      : [{ urn, name: nameOfUrn(urn), type, op, outcome: entry.outcome, where: entry.where }];
  });
}

/** The engine's summary in words; says so when nothing changed. */
export function summaryLine(summary: Readonly<Record<string, number>>): string {
  const counts = Object.entries(summary).filter(([, count]) => count > 0);
  const only = counts.length === 1 ? counts[0] : undefined;
  if (only?.[0] === "same") return `nothing changed: ${only[1]} resources, all same`;
  return counts.map(([op, count]) => `${count} ${op}`).join(", ");
}

/** What is told of each outcome; the last two are never called applied. */
const outcomeWords: Readonly<Record<Outcome, string>> = {
  enforced: "stored on a real API server and seen to act",
  stored: "on a real API server",
  ran: "a command that was run",
  rendered: "written to a file, applied nowhere",
  recorded: "in the journal only, applied nowhere",
};

/** How many resources came to which outcome, and a name or two of each; `neko-trust status` lists all. */
export function outcomeLines(resources: readonly ResourceReport[]): string[] {
  const groups = Map.groupBy(resources, ({ outcome }) => outcome);
  const lines = (Object.keys(outcomeWords) as Outcome[]).flatMap((outcome) => {
    const group = groups.get(outcome) ?? [];
    if (group.length === 0) return [];
    const [first, second, ...more] = group.map(({ name }) => name);
    const names = [first, second].filter((name) => name !== undefined).join(", ");
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    return [`${outcome.padEnd(9)} ${String(group.length).padStart(3)}  ${outcomeWords[outcome]}: ${names}${others}`];
  });
  return [...lines, "each of them: npx neko-trust status"];
}
