import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, test } from "node:test";
import { z } from "zod";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import type { StandIns } from "../../lab/stand-ins/start.ts";
import { findProgram } from "../../src/adapters/processes/find-program.ts";
import { fileBackendUrl } from "../../src/engine/file-backend.ts";
import { copyCheckout, startProcess } from "../support/program-checkout.ts";
import type { CheckoutCopy, Finished } from "../support/program-checkout.ts";

/**
 * What deploy.yml does: the folder that `neko-trust engine` prints goes on PATH, and `pulumi` is called by its name. Nothing
 * is attached but stand-ins for the providers, which are no part of that.
 */

const skip =
  ["go", "pulumi"].every((name) => findProgram(name, process.env) === undefined) && "neither go nor pulumi is on PATH";

let copy: CheckoutCopy;
let standIns: StandIns;
let variables: Readonly<Record<string, string>>;
let folder = "";

before(async () => {
  if (skip !== false) return;
  copy = copyCheckout();
  const root = mkdtempSync(join(tmpdir(), "neko-on-path-"));
  for (const name of ["home", "backend"]) mkdirSync(join(root, name));
  standIns = await startStandIns({
    ...{ stack: "production", project: "neko-trust", mode: "preview" },
    journalFile: join(root, "journal.jsonl"),
    kubernetes: { kind: "files", directory: join(root, "rendered") },
  });
  const engine = await copy.run(["engine", "--json"]);
  assert.equal(engine.code, 0, engine.stdout + engine.stderr);
  folder = z.object({ folder: z.string() }).parse(JSON.parse(engine.stdout)).folder;
  variables = {
    PATH: [folder, process.env["PATH"] ?? ""].join(delimiter),
    PULUMI_HOME: join(root, "home"),
    PULUMI_BACKEND_URL: fileBackendUrl(join(root, "backend")),
    PULUMI_CONFIG_PASSPHRASE: "correct horse",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_EXPERIMENTAL: "true",
    NEKO_TRUST_OFFLINE: "1",
    PULUMI_DEBUG_PROVIDERS: standIns.debugProviders,
  };
});

after(async () => {
  if (skip !== false) return;
  await standIns.stop();
  await copy.remove();
  rmSync(join(variables["PULUMI_HOME"] ?? "", ".."), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

/** By its name alone, as a step of the workflow calls it. */
const pulumi = (args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  startProcess("/bin/sh", ["-c", 'exec pulumi "$@"', "sh", ...args, "--non-interactive"], copy.folder, {
    ...copy.environment,
    ...variables,
    ...more,
  }).finished;

test("pulumi preview of stack production works with what neko-trust engine puts on PATH", { skip }, async () => {
  const init = await pulumi(["stack", "init", "production", "--secrets-provider", "passphrase"]);
  assert.equal(init.code, 0, init.stderr);
  const plan = join(copy.folder, "plan-production.json");
  const preview = await pulumi(["preview", "--stack", "production", "--diff", "--save-plan", plan]);
  assert.equal(preview.code, 0, preview.stdout + preview.stderr);
  assert.match(preview.stdout, /neko-trust:broker:KeyBroker/);
  assert.ok(existsSync(plan));
});

test("what the program refuses is told in its own words", { skip }, async () => {
  const finished = await pulumi(["up", "--stack", "production", "--yes", "--skip-preview"]);
  assert.notEqual(finished.code, 0);
  assert.match(finished.stdout + finished.stderr, /to do: [^]*\(code [A-Z_]+\)/);
  assert.doesNotMatch(finished.stdout + finished.stderr, /language plugin|^\s+at .+:\d+:\d+/m);
});
