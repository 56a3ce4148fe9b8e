import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { packageVersion } from "../src/operations/package-version.ts";
import { startProgramLab } from "../test/support/program-lab.ts";

// Writes test/engine/fixtures/state-<major.minor>.json: the state of stack local, as this release leaves it. A later
// release must plan no replacement from it (test/engine/state-upgrade.test.ts). Run it once for each release, just before
// its tag, and never again for that release:
//
//   dev/node.sh dev/state-fixture.ts

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [major = "0", minor = "0"] = packageVersion(root).split(".");
const file = join(root, "test", "engine", "fixtures", `state-${major}.${minor}.json`);

/** Without places in this checkout, and with the caches of nobody in particular: neither says anything of a stack. */
function withoutThisMachine(text: string): string {
  const places = new Set(["sourcePosition", "stackTrace"]);
  const state: unknown = JSON.parse(text, (key, value: unknown) => (places.has(key) ? undefined : value));
  return JSON.stringify(state, null, 1).replaceAll(lab.context.directories.cache, "/home/user/.cache/neko-trust");
}

const lab = await startProgramLab();
try {
  await lab.open(({ handle }) => handle.up());
  const text = await lab.pulumi(["stack", "export"]);
  // Keys and values of this lab are in it, encrypted with a passphrase that anybody may read: they are worth nothing.
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${withoutThisMachine(text)}\n`);
  console.log(`wrote ${file}`);
} finally {
  await lab.close();
}
