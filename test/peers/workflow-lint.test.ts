import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { pythonTools } from "../support/python-tools.ts";

const run = promisify(execFile);
const languageHost = "dev/language-host/pulumi-language-nodejs";
const python = await pythonTools("workflow-lint");

interface Ran {
  readonly code: number;
  readonly output: string;
}

async function ran(program: string, args: readonly string[], folder: string): Promise<Ran> {
  const PATH = [...("programs" in python ? [python.programs] : []), process.env["PATH"] ?? ""].join(delimiter);
  try {
    const { stdout, stderr } = await run(program, args, { cwd: folder, env: { ...process.env, PATH } });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { code, output: stdout + stderr };
  }
}

async function actionlint(folder: string): Promise<Ran> {
  const directories = directoriesOf(checkout, process.env);
  const { path } = await ensureTool(pinnedTools.actionlint, { directories, environment: process.env });
  return ran(path, ["-no-color", ...workflowsOf(folder)], folder);
}

const zizmor = (folder: string, programs: string): Promise<Ran> =>
  ran(join(programs, "zizmor"), ["--offline", "--no-progress", "--persona", "pedantic", ".github"], folder);

const workflowsOf = (folder: string): string[] =>
  readdirSync(join(folder, ".github", "workflows")).map((name) => join(".github", "workflows", name));

/** A copy of the workflows with one of them changed. */
function changed(t: TestContext, file: string, from: string, to: string): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-workflows-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(join(checkout, ".github"), join(folder, ".github"), { recursive: true });
  // By this actionlint knows where actions of the repository lie.
  mkdirSync(join(folder, ".git"));
  const path = join(folder, ".github", "workflows", file);
  const text = readFileSync(path, "utf8");
  assert.ok(text.includes(from), `${file} does not have: ${from}`);
  writeFileSync(path, text.replace(from, to));
  return folder;
}

test("actionlint, with shellcheck, finds nothing in the workflows; and does find what is wrong", async (t) => {
  if ("absent" in python) {
    t.skip(python.absent);
    return;
  }
  assert.deepEqual(await actionlint(checkout), { code: 0, output: "" });
  const context = changed(t, "nix-build-sign.yml", "needs.check.outputs.version", "needs.check.outputs.versions");
  assert.match((await actionlint(context)).output, /property "versions" is not defined/);
  const script = changed(t, "nix-build-sign.yml", '"$SHA256_AMD64" amd64', "$SHA256_AMD64 amd64");
  assert.match((await actionlint(script)).output, /SC2086/);
  const input = changed(t, "deploy.yml", "service-account: ", "account: ");
  assert.match((await actionlint(input)).output, /input "account" is not defined/);
});

test("shellcheck finds nothing in the scripts of the actions, which actionlint does not look into", async (t) => {
  if ("absent" in python) {
    t.skip(python.absent);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "neko-actions-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const actions = join(checkout, ".github", "actions");
  const scripts = readdirSync(actions).flatMap((name) => {
    const { runs } = parse(readFileSync(join(actions, name, "action.yml"), "utf8")) as {
      runs: { steps: { run?: string }[] };
    };
    return runs.steps.flatMap(({ run: script }, position) =>
      script === undefined ? [] : [{ name: `${name}-${position}.sh`, script }],
    );
  });
  assert.ok(scripts.length > 0);
  for (const { name, script } of scripts) writeFileSync(join(folder, name), script);
  const args = ["--severity", "style", "--shell", "bash", ...scripts.map(({ name }) => name)];
  assert.deepEqual(await ran(join(python.programs, "shellcheck"), args, folder), { code: 0, output: "" });
});

test("shellcheck finds nothing in the scripts that they call", async (t) => {
  if ("absent" in python) {
    t.skip(python.absent);
    return;
  }
  const scripts = readdirSync(join(checkout, ".github")).filter((name) => name.endsWith(".sh"));
  assert.ok(scripts.length > 0);
  const others = ["scripts/neko-trust", "scripts/gke-kubeconfig", "dev/node.sh", "dev/setup.sh", languageHost];
  const args = ["--severity", "style", ...scripts, ...others.map((path) => `../${path}`)];
  const checked = await ran(join(python.programs, "shellcheck"), args, join(checkout, ".github"));
  assert.deepEqual(checked, { code: 0, output: "" });
});

test("zizmor finds nothing in the workflows; and does find an action that a tag names", async (t) => {
  if ("absent" in python) {
    t.skip(python.absent);
    return;
  }
  const clean = await zizmor(checkout, python.programs);
  assert.equal(clean.code, 0, clean.output);
  assert.match(clean.output, /No findings to report/);
  const byTag = changed(t, "pr.yml", "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "checkout@v7");
  const found = await zizmor(byTag, python.programs);
  assert.notEqual(found.code, 0);
  assert.match(found.output, /unpinned-uses/);
});
