import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../../../src/cli/program.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const nothing = (): void => undefined;

function pathsOf(command: Command, path: readonly string[] = []): string[][] {
  return [[...path], ...command.commands.flatMap((child) => pathsOf(child, [...path, child.name()]))];
}

/** Tells, as the last line on standard error, every module that was loaded from a file. */
const listing = `
  import { registerHooks } from "node:module";
  import { writeSync } from "node:fs";
  const loaded = [];
  registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
  process.on("exit", () => writeSync(2, "\\n" + JSON.stringify(loaded)));
`;

function modulesOf(args: readonly string[]): string[] {
  const hook = `data:text/javascript,${encodeURIComponent(listing)}`;
  const main = join(checkout, "bin", "neko-trust.mjs");
  const { stderr, status } = spawnSync(process.execPath, ["--import", hook, main, ...args], {
    encoding: "utf8",
    // A cache folder that can't be made: the sources are run.
    env: { PATH: process.env["PATH"], HOME: "/dev/null" },
  });
  assert.equal(status, 0, stderr);
  return (JSON.parse(stderr.split("\n").at(-1) ?? "") as string[]).filter((url) => url.startsWith("file:"));
}

const program = createProgram(() => Promise.resolve(), { writeOut: nothing, writeHelp: nothing });

for (const path of pathsOf(program)) {
  test(`neko-trust ${[...path, "--help"].join(" ")} loads declarations alone`, () => {
    const modules = modulesOf([...path, "--help"]);
    const heavy = modules.filter((url) =>
      /node_modules\/(?!commander\/)|\/src\/(core\/(?!failure|legible|compile\/target-names)|operations|engine)|\/lab\//.test(
        url,
      ),
    );
    assert.deepEqual(heavy, []);
    assert.ok(modules.length < 80, `${modules.length} modules`);
  });
}
