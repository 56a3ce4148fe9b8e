import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { parse } from "yaml";
import { prepareWorkspace } from "../../../src/engine/workspace.ts";

function bench(
  t: TestContext,
  files: Record<string, string>,
): { checkout: string; folder: string; copy: (name: string) => unknown } {
  const root = mkdtempSync(join(tmpdir(), "neko-workspace-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, "checkout", name)), { recursive: true });
    writeFileSync(join(root, "checkout", name), content);
  }
  const folder = join(root, "copy");
  return {
    checkout: join(root, "checkout"),
    folder,
    copy: (name) => parse(readFileSync(join(folder, name), "utf8")) as unknown,
  };
}

const project = `name: sample
main: entry.mjs
stackConfigDir: stacks
backend: { url: "https://example.com" }
plugins:
  providers:
    - { name: a, path: ./bin }
    - { name: b, path: /opt/b }
`;

test("the copy keeps the project and points back to the checkout", async (t) => {
  const { checkout, folder, copy } = bench(t, {
    "Pulumi.yaml": project,
    "stacks/Pulumi.dev.yaml": "config: { a:b: c }\n",
  });
  assert.deepEqual(await prepareWorkspace(checkout, "dev", folder), { folder, project: "sample" });
  assert.deepEqual(copy("Pulumi.yaml"), {
    name: "sample",
    main: checkout,
    plugins: {
      providers: [
        { name: "a", path: join(checkout, "bin") },
        { name: "b", path: "/opt/b" },
      ],
    },
  });
  assert.deepEqual(copy("Pulumi.dev.yaml"), { config: { "a:b": "c" } });
});

test("a salt that the engine made stays in the copy, and one of the checkout comes over it", async (t) => {
  const { checkout, folder, copy } = bench(t, { "Pulumi.yaml": "name: sample\n", "Pulumi.dev.yaml": "" });
  await prepareWorkspace(checkout, "dev", folder);
  writeFileSync(join(folder, "Pulumi.dev.yaml"), "encryptionsalt: v1:made\n");
  await prepareWorkspace(checkout, "dev", folder);
  assert.deepEqual(copy("Pulumi.dev.yaml"), { encryptionsalt: "v1:made" });
  writeFileSync(join(checkout, "Pulumi.dev.yaml"), "config: { a:b: c }\n");
  await prepareWorkspace(checkout, "dev", folder);
  assert.deepEqual(copy("Pulumi.dev.yaml"), { config: { "a:b": "c" }, encryptionsalt: "v1:made" });
  writeFileSync(join(checkout, "Pulumi.dev.yaml"), "encryptionsalt: v1:committed\n");
  await prepareWorkspace(checkout, "dev", folder);
  assert.deepEqual(copy("Pulumi.dev.yaml"), { encryptionsalt: "v1:committed" });
});
