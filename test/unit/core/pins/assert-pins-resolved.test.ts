import assert from "node:assert/strict";
import { test } from "node:test";
import { assertPinsResolved } from "../../../../src/core/pins/assert-pins-resolved.ts";
import { pinsSchema } from "../../../../src/core/pins/pins.ts";
import { failureOf } from "../../../support/stack-files.ts";

const digest = `sha256:${"a".repeat(64)}`;
const pins = pinsSchema.parse({
  schema: 1,
  images: [
    { name: "kbs", repository: "ghcr.io/a/kbs", version: "v1", digest },
    { name: "kyverno", repository: "ghcr.io/a/kyverno", version: "v1", digest: "unresolved" },
  ],
  charts: [{ name: "kyverno", repository: "oci://ghcr.io/a/c", version: "1.0.0", digest: "unresolved" }],
  actions: [{ name: "checkout", uses: "actions/checkout", version: "v7", commit: "unresolved" }],
  plugins: [{ name: "github", version: "6.15.0", sha256: { "linux/amd64": digest, "linux/arm64": "unresolved" } }],
});

test("production is not changed with an unresolved pin; each is named", () => {
  const failure = failureOf(() => assertPinsResolved(pins, { environment: "production", dryRun: false }));
  assert.deepEqual([failure.code, failure.kind], ["PIN_UNRESOLVED", "usage"]);
  assert.deepEqual(failure.details, ["image kyverno", "chart kyverno", "action checkout", "plugin github"]);
});

test("only what is needed counts, and an image is no chart of the same name", () => {
  const production = { environment: "production", dryRun: false } as const;
  assert.deepEqual(assertPinsResolved(pins, { ...production, needed: { images: ["kbs"] } }), []);
  assert.deepEqual(assertPinsResolved(pins, { ...production, needed: {} }), []);
  const failure = failureOf(() => assertPinsResolved(pins, { ...production, needed: { charts: ["kyverno"] } }));
  assert.deepEqual(failure.details, ["chart kyverno"]);
});

test("a preview of production and an update of staging get warnings; stack local pulls nothing", () => {
  const needed = { images: ["kyverno"] };
  for (const context of [
    { environment: "production", dryRun: true, needed },
    { environment: "staging", dryRun: false, needed },
  ] as const) {
    const warnings = assertPinsResolved(pins, context);
    assert.deepEqual(warnings, ['image kyverno has no digest in pins.yaml: resolve it with "neko-trust pin".']);
  }
  assert.deepEqual(assertPinsResolved(pins, { environment: "local", dryRun: false }), []);
});
