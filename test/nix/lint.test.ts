import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { checkout, nixAbsent } from "../support/flake-lab.ts";
import { deadnix, nixfmt, rustTool } from "../support/rust-tools.ts";
import type { RustTool } from "../support/rust-tools.ts";

const folders = ["nix", "sbom", "test/nix"];

/** Every Nix file of the project. */
function nixFiles(): string[] {
  const below = folders.flatMap((folder) =>
    readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)),
  );
  return ["flake.nix", ...below.filter((path) => path.endsWith(".nix"))].sort();
}

async function lint(t: TestContext, tool: RustTool, args: readonly string[]): Promise<void> {
  const path = await rustTool(tool);
  if (typeof path !== "string") {
    t.skip(path.absent);
    return;
  }
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: checkout, encoding: "utf8" });
  assert.equal(status, 0, `${stdout}${stderr}`);
}

test("every Nix file is formatted as nixfmt does", (t) => lint(t, nixfmt, ["--check", ...nixFiles()]));

test("no Nix file has code that nothing uses", (t) => lint(t, deadnix, ["--fail", ...nixFiles()]));

test("every Nix file parses", { skip: nixAbsent() ?? false }, () => {
  const files = nixFiles();
  assert.ok(files.length >= 20, `${files.length} files`);
  const { status, stderr } = spawnSync("nix-instantiate", ["--parse", ...files], { cwd: checkout, encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
