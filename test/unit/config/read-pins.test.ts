import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parsePins, readPins } from "../../../src/config/read-pins.ts";
import { codeThrown } from "../../support/failures.ts";
import { failureOf } from "../../support/stack-files.ts";

const root = join(import.meta.dirname, "..", "..", "..");

function emptyCheckout(t: TestContext): string {
  const checkout = mkdtempSync(join(tmpdir(), "neko-pins-"));
  t.after(() => {
    rmSync(checkout, { recursive: true });
  });
  return checkout;
}

test("the checkout's own pins are valid, and each kind has some", () => {
  const pins = readPins(root);
  for (const kind of [pins.images, pins.charts, pins.actions, pins.plugins]) assert.ok(kind.length > 3);
});

test("every provider SDK in package.json has a pinned plugin of its version", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<
    "dependencies" | "devDependencies",
    Record<string, string>
  >;
  const sdks = Object.entries({ ...manifest.devDependencies, ...manifest.dependencies })
    .filter(([name]) => name.startsWith("@pulumi/") && !["@pulumi/pulumi", "@pulumi/policy"].includes(name))
    .map(([name, version]) => [name.slice("@pulumi/".length), version]);
  assert.ok(sdks.length >= 3);
  const pinned = new Map(readPins(root).plugins.map(({ name, version }) => [name, version]));
  for (const [name = "", version] of sdks) assert.equal(pinned.get(name), version, name);
});

test("refuses what is no file, no UTF-8, no YAML or not by the schema, and says where and what is allowed", (t) => {
  const checkout = emptyCheckout(t);
  assert.equal(failureOf(() => readPins(checkout)).code, "PINS_UNREADABLE");
  const path = join(checkout, "pins.yaml");
  writeFileSync(path, Buffer.from([0x61, 0xff]));
  assert.match(failureOf(() => readPins(checkout)).message, /no UTF-8/);
  rmSync(path);
  mkdirSync(path);
  assert.equal(failureOf(() => readPins(checkout)).code, "PINS_UNREADABLE");
  rmSync(path, { recursive: true });

  writeFileSync(path, "schema: 1\nschema: 2\n");
  assert.equal(failureOf(() => readPins(checkout)).code, "PINS_INVALID");
  writeFileSync(
    path,
    [
      "schema: 1",
      "images:",
      "  - { name: kbs, repository: ghcr.io/a/b, version: v1, digest: latest }",
      "charts: [{ name: c, repository: http://charts.example, version: 1.0.0, digest: unresolved }]",
      "actions: [{ name: a, uses: actions/checkout, version: v1, commit: abc }]",
      "plugins: [{ name: github, version: 6.15.0, sha256: { linux/amd64: unresolved } }]",
      "extra: 1",
      "",
    ].join("\n"),
  );
  const { code, kind, details } = failureOf(() => readPins(checkout));
  assert.deepEqual([code, kind], ["PINS_INVALID", "usage"]);
  assert.deepEqual(details.map((detail) => detail.split(":")[0]).sort(), [
    "actions.0.commit",
    "charts.0.repository",
    "extra",
    "images.0.digest",
    "plugins.0.sha256.linux/arm64",
  ]);
});

test("a name twice in one kind is refused; in two kinds it is two pins", () => {
  const of = (images: string, charts: string): string =>
    `schema: 1\nimages: [${images}]\ncharts: [${charts}]\nactions: []\nplugins: []\n`;
  const image = "{ name: kyverno, repository: ghcr.io/a/b, version: v1, digest: unresolved }";
  const chart = "{ name: kyverno, repository: oci://ghcr.io/a/b, version: 1.0.0, digest: unresolved }";
  assert.equal(parsePins(of(image, chart)).charts[0]?.name, "kyverno");
  assert.equal(
    codeThrown(() => parsePins(of(`${image}, ${image}`, chart)), "accepted"),
    "PINS_INVALID",
  );
});
