import assert from "node:assert/strict";
import { test } from "node:test";
import { checksumOf } from "../../../../src/core/pins/checksum-file.ts";
import { readChartIndex } from "../../../../src/core/pins/chart-index.ts";

const hex = "a".repeat(64);
const read = (text: string, version = "1.0.0") => readChartIndex(new TextEncoder().encode(text), "c", version);

test("finds one version to the letter, with its first address and its digest in our form", () => {
  const text = `entries:\n  c:\n    - { version: 1.0.1 }\n    - { version: 1.0.0, urls: [c.tgz, x], digest: ${hex} }\n`;
  assert.deepEqual(read(text), { kind: "found", url: "c.tgz", digest: `sha256:${hex}` });
  assert.deepEqual(read(text, "1.0"), { kind: "absent" });
  assert.deepEqual(read("entries: { other: 1 }"), { kind: "absent" });
  assert.deepEqual(read("entries: { c: [{ version: 1.0.0, urls: [u] }] }"), {
    kind: "found",
    url: "u",
    digest: undefined,
  });
});

test("an index that can't be read is no index without the chart", () => {
  for (const text of [
    "entries: [",
    "[]",
    "entries: []",
    "entries: { c: 1 }",
    "entries: { c: [{ version: 1.0.0 }] }",
    "entries: { c: [{ version: 1.0.0, urls: [u], digest: abc }] }",
    "entries: { c: [{ version: 1.0.0, urls: [u] }, { version: 1.0.0, urls: [v] }] }",
  ]) {
    assert.equal(read(text).kind, "invalid", text);
  }
});

test("reads a file of checksums by whole names, and believes none that differ", () => {
  const other = "b".repeat(64);
  const text = `${hex}  a.tar.gz\r\n${other} *b.tar.gz\n${other}  x-a.tar.gz\nrubbish\n${hex}  c\n${other}  c\n`;
  assert.equal(checksumOf(text, "a.tar.gz"), `sha256:${hex}`);
  assert.equal(checksumOf(text, "b.tar.gz"), `sha256:${other}`);
  assert.equal(checksumOf(text, "tar.gz"), undefined);
  assert.equal(checksumOf(text, "c"), undefined);
});
