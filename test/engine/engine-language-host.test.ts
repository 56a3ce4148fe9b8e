import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { fileBackendUrl } from "../../src/engine/file-backend.ts";
import { checkout, engineUnderTest, writeProject } from "../support/engine/engine-under-test.ts";
import { startLanguageHost } from "../../dev/language-host/serve.ts";

const run = promisify(execFile);
const sdk = join(checkout, "node_modules", "@pulumi", "pulumi");

const files = {
  "package.json": JSON.stringify({ name: "small", type: "module" }),
  "entry.mjs": `export { default } from "./index.ts";\n`,
  "index.ts": [
    `import * as pulumi from "@pulumi/pulumi";`,
    `interface Greeting { readonly text: string }`,
    `export default async (): Promise<Record<string, unknown>> => {`,
    `  const greeting: Greeting = { text: new pulumi.Config().require("greeting") };`,
    `  const stack = pulumi.getStack();`,
    `  return { greeting: pulumi.output(greeting.text), stack, hidden: pulumi.secret("quiet") };`,
    `};`,
  ].join("\n"),
};

test("the official CLI runs a default-exported async function, and its result becomes the stack's outputs", async (t) => {
  const engine = await engineUnderTest();
  const root = mkdtempSync(join(tmpdir(), "neko-language-host-"));
  const host = await startLanguageHost({ sdk, node: process.execPath, environment: process.env });
  t.after(() => {
    host.stop();
    rmSync(root, { recursive: true, force: true });
  });
  const project = join(root, "project");
  writeProject(project, files);
  symlinkSync(join(checkout, "node_modules"), join(project, "node_modules"));
  mkdirSync(join(root, "backend"));
  const env = {
    PATH: process.env["PATH"],
    HOME: root,
    PULUMI_HOME: join(root, "home"),
    PULUMI_BACKEND_URL: fileBackendUrl(join(root, "backend")),
    PULUMI_CONFIG_PASSPHRASE: "correct horse",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DEBUG_LANGUAGES: host.attach,
  };
  const pulumi = async (...args: string[]): Promise<string> =>
    (await run(engine.command, [...args, "--non-interactive"], { cwd: project, env })).stdout;

  await pulumi("stack", "init", "dev");
  await pulumi("preview");
  await pulumi("up", "--yes", "--skip-preview");
  assert.deepEqual(JSON.parse(await pulumi("stack", "output", "--json")), {
    greeting: "hello",
    stack: "dev",
    hidden: "[secret]",
  });

  writeProject(project, {
    ...files,
    "entry.mjs": `export default async () => { throw new Error("no such thing"); };\n`,
  });
  await assert.rejects(pulumi("up", "--yes", "--skip-preview"), (error: Error & { stdout: string }) => {
    assert.match(error.stdout, /no such thing/);
    return true;
  });
});
