#!/usr/bin/env node
// Finds a Node that runs TypeScript, then hands over to src/cli/main.ts (in the npm package: its JavaScript).
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundledRun } from "./bundle.mjs";
import { checkout, isNodeNewEnough, nodeTooOld, pinnedNode } from "./node-version.mjs";
import { privateFolder } from "./private-folder.mjs";

const { existsSync } = createRequire(import.meta.url)("node:fs");
const source = join(checkout, "src", "cli", "main.ts");
const main = existsSync(source) ? source : join(checkout, "dist", "src", "cli", "main.js");
const args = process.argv.slice(2);

/** Ends as every command does: words on standard error, or one JSON document on standard output. */
function fail(exitCode, code, message, remedy) {
  if (args.includes("--json")) {
    console.log(JSON.stringify({ ok: false, error: { code, message, remedy, details: [] } }, null, 2));
  } else console.error(`error: ${message}\nto do: ${remedy}\n(code ${code})`);
  process.exit(exitCode);
}

/** The code that runs a command. A file or package that lacks is no bug, and never Node's exit code 1 (refused). */
async function load() {
  if (!existsSync(join(checkout, "node_modules")) && existsSync(source)) {
    fail(3, "NOT_SET_UP", "The dependencies are not installed.", "Run `make setup` once.");
  }
  // Node keeps the compiled form of the TypeScript: later starts need half the time. Its default folder lies in /tmp,
  // where another user could put code of his own before us.
  const folder = privateFolder(["node-compile"]);
  if (folder !== undefined) (await import("node:module")).enableCompileCache(folder);
  try {
    return await import(main);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    if (error?.code === "ERR_MODULE_NOT_FOUND") {
      fail(3, "NOT_SET_UP", `A part is missing: ${reason}.`, "Remove node_modules and run `make setup`.");
    }
    return fail(4, "INTERNAL", `This is a bug in neko-trust: ${reason}`, "Please report it.");
  }
}

if (isNodeNewEnough()) {
  // Stack traces are asked for to find a place in the sources.
  const bundled = process.env.NEKO_TRUST_DEBUG === "1" ? undefined : bundledRun(checkout, args[0]);
  const run = bundled ?? (await load()).run;
  await run(args);
} else {
  const { spawn } = await import("node:child_process");
  const node = pinnedNode();
  if (node === undefined) fail(3, "NODE_TOO_OLD", ...nodeTooOld("neko-trust"));
  const child = spawn(node, [fileURLToPath(import.meta.url), ...args], { stdio: "inherit" });
  // Whoever ends this process means the child. A terminal sends Ctrl-C to both: the child knows that it is the same one.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    fail(
      3,
      "NODE_BROKEN",
      `The pinned Node can't be started: ${error.message}.`,
      "Run `make clean`, then `make setup`.",
    );
  });
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" || signal === "SIGTERM" ? 130 : 4)));
}
