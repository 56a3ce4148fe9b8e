import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { directoriesOf } from "../../../src/adapters/directories/directories.ts";
import { findEngine } from "../../../src/engine/find-engine.ts";
import type { Engine } from "../../../src/engine/find-engine.ts";
import { openStack } from "../../../src/engine/open-stack.ts";
import type { OpenStackOptions, StackHandle } from "../../../src/engine/open-stack.ts";

/** The checkout that these tests belong to. */
export const checkout = join(import.meta.dirname, "..", "..", "..");

/** The real engine, from PATH or the cache; built when it is in neither. */
export function engineUnderTest(): Promise<Engine> {
  const directories = directoriesOf(checkout, process.env);
  return findEngine({
    directories,
    environment: process.env,
    progress: (line) => {
      console.error(line);
    },
  });
}

/** A small project in a temporary folder, with one stack `dev`. */
export interface SmallProject {
  readonly checkout: string;
  readonly folder: string;
}

/** Makes a project folder from file contents by path; removed after the test. */
export function smallProject(t: TestContext, files: Readonly<Record<string, string>> = {}): SmallProject {
  // With a space, which users' folders have too.
  const root = mkdtempSync(join(tmpdir(), "neko engine-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true, maxRetries: 3 });
  });
  writeProject(join(root, "checkout"), files);
  return { checkout: join(root, "checkout"), folder: join(root, "engine") };
}

/** Writes the project's files; those given come over the defaults. */
export function writeProject(folder: string, files: Readonly<Record<string, string>>): void {
  const defaults = {
    "Pulumi.yaml":
      "name: small\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: entry.mjs\nstackConfigDir: stacks\n",
    "stacks/Pulumi.dev.yaml": "config:\n  small:greeting: hello\n",
  };
  for (const [name, content] of Object.entries({ ...defaults, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

/** Opens the stack `dev` of a small project on the real engine. */
export async function openSmallStack(
  project: SmallProject,
  options: Pick<OpenStackOptions, "program"> & Partial<OpenStackOptions>,
): Promise<StackHandle> {
  return openStack({
    engine: await engineUnderTest(),
    stack: "dev",
    passphrase: "correct horse",
    environment: process.env,
    ...project,
    ...options,
  });
}
