#!/usr/bin/env node
// Finds a Node that runs TypeScript, then hands over to src/cli/main.ts (in the npm package: its JavaScript).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkout, isNodeNewEnough, nodeTooOld, pinnedNode } from "./node-version.mjs";

const source = join(checkout, "src", "cli", "main.ts");
const main = existsSync(source) ? source : join(checkout, "dist", "src", "cli", "main.js");

if (isNodeNewEnough()) {
  if (!existsSync(join(checkout, "node_modules")) && existsSync(source)) {
    console.error("error: The dependencies are not installed.\nto do: Run `make setup` once.\n(code NOT_SET_UP)");
    process.exit(3);
  }
  // Node keeps the compiled form of the TypeScript: later starts need half the time.
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  const { run } = await import(main);
  await run(process.argv.slice(2));
} else {
  const node = pinnedNode();
  if (node === undefined) {
    console.error(nodeTooOld("neko-trust"));
    process.exit(3);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends Ctrl-C to both processes; the child decides how to end, this one passes its exit on.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => signal === "SIGTERM" && child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
}
