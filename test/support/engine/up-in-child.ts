// A process of its own that brings a small stack up, to be killed by tests: argv = checkout, engine folder, ledger, attempt.
// It prints `engine <pid>` once the engine is at work, and ends with `done` or `failed <code>`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../../../src/core/failure.ts";
import { lockFolder } from "../../../src/engine/file-backend.ts";
import { openSmallStack } from "./engine-under-test.ts";
import { manyThings } from "./many-things.ts";
import { startTinyProvider } from "./tiny-provider.ts";

const [checkout, folder, ledger, attempt] = process.argv.slice(2);
if (checkout === undefined || folder === undefined || ledger === undefined) throw new Error("arguments are missing");
const tiny = await startTinyProvider(ledger);
const stack = await openSmallStack(
  { checkout, folder },
  { program: manyThings(attempt ?? "0", 25), attach: tiny.attach, interrupted: "recreate" },
);
console.log("open");
let told = false;
const locks = lockFolder(join(folder, "backend"), "small", "dev");
try {
  await stack.up({
    onProgress: () => {
      if (told) return;
      told = true;
      for (const name of readdirSync(locks).filter((each) => each.endsWith(".json"))) {
        const lock = JSON.parse(readFileSync(join(locks, name), "utf8")) as { pid: number };
        console.log(`engine ${lock.pid}`);
      }
    },
  });
  console.log("done");
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.log(`failed ${error.code}`);
} finally {
  tiny.stop();
}
