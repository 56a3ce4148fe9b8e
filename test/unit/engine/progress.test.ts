import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import fc from "fast-check";
import { errorLines, plainText } from "../../../src/engine/diagnostics.ts";
import { collect, nameOfUrn, newCollected, progressOf } from "../../../src/engine/progress.ts";
import type { EngineProgress } from "../../../src/engine/progress.ts";

const urn = "urn:pulumi:dev::small::a:b:C$d:e:F::name::with::colons";

function step(op: string): EngineProgress {
  return { kind: "resource", phase: "done", op, urn, type: "d:e:F", name: nameOfUrn(urn) };
}

function diagnostic(severity: string, message: string, more: object = {}): EngineProgress | undefined {
  return progressOf({
    sequence: 1,
    timestamp: 0,
    diagnosticEvent: { severity, message, color: "raw", ...more },
  } as EngineEvent);
}

test("a message loses colours and stack frames and keeps the rest", () => {
  const error = new Error("first line\n  second line, at noon");
  const message = `<{%fg 1%}>${error.stack ?? ""}<{%reset%}>\n`;
  assert.equal(plainText(message), "Error: first line\n  second line, at noon");
  assert.equal(plainText("\u001b[31mred\u001b[0m"), "red");
  assert.equal(plainText("at 10:30 it began\n    at all times"), "at 10:30 it began\n    at all times");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => plainText(plainText(text)) === plainText(text)));
});

test("what the engine printed is told without its prefixes and warnings", () => {
  assert.deepEqual(errorLines("warning: old\nerror: no such thing\n\n"), ["no such thing"]);
});

test("debug, ephemeral and empty diagnostics are left out", () => {
  assert.equal(diagnostic("debug", "resp: secret"), undefined);
  assert.equal(diagnostic("info", "working", { ephemeral: true }), undefined);
  assert.equal(diagnostic("error", "<{%reset%}>\n"), undefined);
  assert.deepEqual(diagnostic("info#err", "text", { urn }), {
    kind: "diagnostic",
    severity: "info",
    message: "text",
    urn,
  });
});

test("a resource is listed once, with its most telling step", () => {
  for (const [steps, expected] of [
    [["same"], "same"],
    [["refresh", "same"], "same"],
    [["refresh", "update"], "update"],
    [["replace", "delete", "create"], "replace"],
  ] as const) {
    const collected = newCollected();
    for (const op of steps) collect(collected, step(op));
    assert.deepEqual([...collected.resources.values()], [{ urn, type: "d:e:F", op: expected }]);
  }
});

test("the steps of a replacement are a replacement", () => {
  for (const op of ["create-replacement", "delete-replaced", "replace"]) {
    const event = {
      sequence: 1,
      timestamp: 0,
      resOutputsEvent: { metadata: { op, urn, type: "d:e:F" } },
    } as EngineEvent;
    assert.deepEqual(progressOf(event), step("replace"));
  }
});

test("errors name their resource, mandatory violations count, and what only repeats them is left out", () => {
  const collected = newCollected();
  const add = (progress: EngineProgress | undefined): void => {
    if (progress !== undefined) collect(collected, progress);
  };
  add(diagnostic("error", "no luck", { urn }));
  add(diagnostic("error", "update failed"));
  add(diagnostic("warning", "old"));
  const policy = {
    message: "not so",
    color: "raw",
    policyName: "rule",
    policyPackName: "pack",
    policyPackVersion: "1",
    policyPackVersionTag: "1",
  };
  add(progressOf({ sequence: 1, timestamp: 0, policyEvent: { ...policy, enforcementLevel: "mandatory" } }));
  add(progressOf({ sequence: 2, timestamp: 0, policyEvent: { ...policy, enforcementLevel: "warning" } }));
  assert.deepEqual(collected.errors, ["name::with::colons: no luck", "pack/rule: not so"]);
  assert.equal(collected.violations, 1);
});
