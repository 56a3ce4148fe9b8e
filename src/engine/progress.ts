import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { plainText } from "./diagnostics.ts";

/** One thing that happened while the engine was at work. */
export type EngineProgress =
  | {
      readonly kind: "resource";
      readonly phase: "started" | "done" | "failed";
      /** The engine's step: same, create, update, delete, replace, create-replacement, refresh, … */
      readonly op: string;
      readonly urn: string;
      readonly type: string;
      readonly name: string;
    }
  | {
      readonly kind: "diagnostic";
      readonly severity: "info" | "warning" | "error";
      /** Without colour codes and stack frames. */
      readonly message: string;
      readonly urn?: string;
    }
  | {
      readonly kind: "policy";
      readonly level: "warning" | "mandatory";
      /** `<pack>/<rule>` */
      readonly rule: string;
      readonly message: string;
      readonly urn?: string;
    }
  | { readonly kind: "summary"; readonly changes: Readonly<Record<string, number>>; readonly milliseconds: number }
  /** Something this program did or waits for before the engine starts. */
  | { readonly kind: "note"; readonly message: string };

/** A resource that the engine acted on, with the weightiest step it took. */
export interface EngineResource {
  readonly urn: string;
  readonly type: string;
  readonly op: string;
}

/** The engine's event as progress, or undefined for those that say nothing to a user (prelude, cancel, ephemeral status). */
export function progressOf(event: EngineEvent): EngineProgress | undefined {
  if (event.resourcePreEvent !== undefined) return resource("started", event.resourcePreEvent.metadata);
  if (event.resOutputsEvent !== undefined) return resource("done", event.resOutputsEvent.metadata);
  if (event.resOpFailedEvent !== undefined) return resource("failed", event.resOpFailedEvent.metadata);
  if (event.diagnosticEvent !== undefined) return diagnostic(event.diagnosticEvent);
  if (event.policyEvent !== undefined) {
    const { enforcementLevel, policyPackName, policyName, message, resourceUrn } = event.policyEvent;
    const rule = `${policyPackName}/${policyName}`;
    return { kind: "policy", level: enforcementLevel, rule, message: plainText(message), ...urnOf(resourceUrn) };
  }
  if (event.summaryEvent !== undefined) {
    const { resourceChanges, durationSeconds } = event.summaryEvent;
    return { kind: "summary", changes: counts(resourceChanges), milliseconds: durationSeconds * 1000 };
  }
  return undefined;
}

/** Collects what an operation's result is made of. */
export interface Collected {
  readonly resources: Map<string, EngineResource>;
  readonly failures: EngineResource[];
  /** Error diagnostics and mandatory policy violations, as lines for people. */
  readonly errors: string[];
  violations: number;
  changes: Readonly<Record<string, number>>;
}

/** An empty collection. */
export function newCollected(): Collected {
  return { resources: new Map(), failures: [], errors: [], violations: 0, changes: {} };
}

/** Adds one progress event to a collection. */
export function collect(into: Collected, progress: EngineProgress): void {
  switch (progress.kind) {
    case "resource": {
      const { urn, type, op, phase } = progress;
      const before = into.resources.get(urn);
      if (before === undefined || weight(op) > weight(before.op)) into.resources.set(urn, { urn, type, op });
      if (phase === "failed") into.failures.push({ urn, type, op });
      return;
    }
    case "diagnostic":
      // "update failed" on the stack only says that there was an error.
      if (progress.severity !== "error" || /^(update|preview|refresh|destroy) failed$/.test(progress.message)) return;
      into.errors.push(about(progress.urn, progress.message));
      return;
    case "policy":
      if (progress.level !== "mandatory") return;
      into.violations += 1;
      into.errors.push(about(progress.urn, `${progress.rule}: ${progress.message}`));
      return;
    case "summary":
      into.changes = progress.changes;
      return;
    case "note":
      return;
  }
}

/** The last part of a URN (`urn:pulumi:<stack>::<project>::<types>::<name>`). */
export function nameOfUrn(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** A URN may see several steps (a replacement three, a refresh its start and what it found); the most telling one is kept. */
const weights: readonly string[] = ["refresh", "same", "read", "update", "create", "delete", "replace"];

function weight(op: string): number {
  return weights.indexOf(op);
}

function resource(
  phase: "started" | "done" | "failed",
  metadata: { readonly op: string; readonly urn: string; readonly type: string },
): EngineProgress {
  const { urn, type } = metadata;
  const replaces = ["create-replacement", "delete-replaced", "import-replacement", "read-replacement"];
  const op = replaces.includes(metadata.op) ? "replace" : metadata.op;
  return { kind: "resource", phase, op, urn, type, name: nameOfUrn(urn) };
}

/** The engine also sends "debug", which is about its own calls, and may hold values that are nobody's business. */
const severities: Readonly<Record<string, "info" | "warning" | "error">> = {
  info: "info",
  "info#err": "info",
  warning: "warning",
  error: "error",
};

function diagnostic(event: NonNullable<EngineEvent["diagnosticEvent"]>): EngineProgress | undefined {
  const severity = severities[event.severity];
  const message = plainText(event.message);
  if (event.ephemeral === true || severity === undefined || message === "") return undefined;
  return { kind: "diagnostic", severity, message, ...urnOf(event.urn) };
}

function about(urn: string | undefined, message: string): string {
  const name = urn === undefined || urn.includes("pulumi:pulumi:Stack::") ? "" : nameOfUrn(urn);
  return name === "" ? message : `${name}: ${message}`;
}

function urnOf(urn: string | undefined): { urn?: string } {
  return urn === undefined || urn === "" ? {} : { urn };
}

/** Counts per operation, as plain numbers. */
function counts(changes: Readonly<Partial<Record<string, number>>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(changes).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}
