import assert from "node:assert/strict";
import { test } from "node:test";
import { releaseListAction } from "../../../../src/cli/actions/release-list.ts";
import { stackFiles, stagingConfig } from "../../../support/stack-files.ts";

const image = "ghcr.io/m1k1o/neko/base";
const current = `sha256:${"1".repeat(64)}`;
const older = `sha256:${"2".repeat(64)}`;

function list(t: Parameters<typeof stackFiles>[0], releases: readonly object[]) {
  const files = stackFiles(t);
  files.write("staging", stagingConfig({ releases, "policy.images.0.repository": image }));
  const context = {
    directories: files.directories,
    environment: {},
    now: () => new Date(),
    signal: new AbortController().signal,
  };
  return releaseListAction("staging", {}, { ...context, progress: () => undefined });
}

test("tells each release, the current one and what is retained", (t) => {
  const { exitCode, lines, document } = list(t, [{ image, current, retained: [older] }]);
  assert.equal(exitCode, 0);
  assert.deepEqual(lines, [`${image}@${current}`, `  retained ${image}@${older}`]);
  assert.deepEqual(document, { stack: "staging", releases: [{ image, current, retained: [older] }] });
});

test("zeros are no release: who rebuilds or verifies what is listed looks for nothing that nobody has", (t) => {
  const { lines, document } = list(t, [{ image, current: `sha256:${"0".repeat(64)}`, retained: [] }]);
  assert.deepEqual([lines, document], [[], { stack: "staging", releases: [] }]);
});
