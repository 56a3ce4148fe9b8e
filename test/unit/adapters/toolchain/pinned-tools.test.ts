import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pinnedTools } from "../../../../src/adapters/toolchain/pinned-tools.ts";

const checkout = join(import.meta.dirname, "..", "..", "..", "..");
const registryModule = "github.com/google/go-containerregistry";

for (const tool of Object.values(pinnedTools)) {
  test(`${tool.name} is named with the version that its go.mod pins`, () => {
    const goMod = readFileSync(join(checkout, tool.module, "go.mod"), "utf8");
    const required = [...goMod.matchAll(/^\s*(?:require )?(\S+) (v\S+)/gm)].map(([, path, version]) => ({
      path,
      version,
    }));
    const source = tool.package.startsWith("./") ? registryModule : tool.package;
    const owner = required
      .filter(({ path }) => path !== undefined && (source === path || source.startsWith(`${path}/`)))
      .sort((a, b) => (b.path?.length ?? 0) - (a.path?.length ?? 0))[0];
    assert.equal(owner?.version, tool.version);
    for (const [stamped] of tool.linkerFlags.matchAll(/(?<=ersion=)v\S+/g)) assert.equal(stamped, tool.version);
  });
}

test("no two tools share a cache folder, a lock or a log", () => {
  const names = Object.values(pinnedTools).map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
