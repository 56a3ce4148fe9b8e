import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import { openStack } from "../../src/engine/open-stack.ts";
import type { Program } from "../../src/engine/program.ts";
import { checkout, engineUnderTest } from "../support/engine/engine-under-test.ts";
import { packedProject } from "../support/packed-project.ts";
import type { PackedProject } from "../support/packed-project.ts";

const settings = {
  name: "neko",
  description: "made by a test",
  visibility: "public",
  topics: [],
  features: { issues: true, projects: false, wiki: false, discussions: false },
  merge: ["squash"],
  secretScanning: true,
  defaultBranch: { approvals: 1, codeOwners: true, signedCommits: true, linearHistory: true, checks: [], bypass: [] },
  tags: { immutable: ["refs/tags/v*"], bypass: [], creators: [{ type: "RepositoryRole", id: 5 }] },
  actions: { githubOwned: true, verifiedCreators: false, patterns: [], pullRequests: false },
  oidc: { subjectClaims: ["repository_owner_id", "repository_id"] },
  onDestroy: "keep",
};

/** A program as a user of the package writes it, in plain JavaScript. */
const program = `
import * as github from "@pulumi/github";
import { GhcrRepository, ghcrRepositorySettingsSchema } from "neko-trust";

export async function program() {
  const provider = new github.Provider("github", { owner: "nobody", token: "none", baseUrl: "http://127.0.0.1:9/" });
  const settings = ghcrRepositorySettingsSchema.parse(${JSON.stringify(settings)});
  const repository = new GhcrRepository("neko", { settings }, { provider });
  return { repository: repository.fullName };
}
`;

/** The types reach a strict TypeScript program, and are more than \`any\`. */
const typed = `
import { GhcrRepository } from "neko-trust";
import type { GhcrRepositorySettings } from "neko-trust";
import { verifyRelease } from "neko-trust/core";
import type { Evidence, TrustPolicy } from "neko-trust/core";

declare const evidence: Evidence;
declare const policy: TrustPolicy;
const checked = verifyRelease(evidence, policy, new Date(0));
export const digest: string = checked.ok ? checked.proof.data.digest : checked.findings[0].code;
export const visibility: GhcrRepositorySettings["visibility"] = "public";
// @ts-expect-error -- a visibility that does not exist
export const wrong: GhcrRepositorySettings["visibility"] = "hidden";
// @ts-expect-error -- a component without arguments
export const component = new GhcrRepository("neko");
// @ts-expect-error -- evidence that is none
verifyRelease({}, policy, new Date(0));
`;

function inProject(project: PackedProject, source: string): { status: number | null; stdout: string; stderr: string } {
  const args = ["--input-type=module", "--eval", source];
  return spawnSync(process.execPath, args, { cwd: project.folder, encoding: "utf8" });
}

describe("the npm package in an empty Pulumi project", () => {
  let project: PackedProject;
  before(async () => {
    project = await packedProject();
  });
  after(() => {
    project.remove();
  });

  test("holds the built components, core, schemas, command and documents, and nothing of lab, tests or sources", () => {
    const needed = ["LICENSE", "README.md", "package.json", "schemas/trust-policy.v1.schema.json"];
    for (const file of needed) assert.ok(project.files.includes(file), `${file} is missing`);
    const strange = project.files.filter(
      (file) =>
        !/^(LICENSE|README\.md|package\.json|bin\/[a-z-]+\.mjs|schemas\/.+\.json|dist\/(components|src)\/.+\.(js|d\.ts)|dist\/stacks\/roots\/public-good\.json)$/.test(
          file,
        ),
    );
    assert.deepEqual(strange, []);
  });

  test("every export and command points at a file of the package", () => {
    const targets = Object.values(project.manifest.exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : [entry.types, entry.default],
    );
    const files = [...targets.filter((target) => !target.includes("*")), ...Object.values(project.manifest.bin)];
    assert.ok(files.length >= 5);
    assert.deepEqual(
      files.filter((file) => !existsSync(join(project.installed, file))),
      [],
    );
  });

  test("core and the schemas can be imported; insides and what mints a VerifiedRelease can't", () => {
    const seen = inProject(
      project,
      `import * as core from "neko-trust/core";
       import schema from "neko-trust/schemas/release-manifest.v1.schema.json" with { type: "json" };
       const refused = async (path) => import(path).then(() => "imported", (error) => error.code);
       const { parseReference, Failure } = core;
       let code; try { parseReference("nothing"); } catch (error) { code = error instanceof Failure && error.code; }
       console.log(JSON.stringify({ title: schema.title, code, mints: Object.keys(core).filter((name) => /mint/i.test(name)),
         inside: await refused("neko-trust/dist/src/core/release/verified-release.js") }));`,
    );
    assert.equal(seen.status, 0, seen.stderr);
    assert.deepEqual(JSON.parse(seen.stdout), {
      title: "Release manifest",
      code: "REFERENCE_INVALID",
      mints: [],
      inside: "ERR_PACKAGE_PATH_NOT_EXPORTED",
    });
  });

  test("the command runs from the package", () => {
    const command = join(project.installed, project.manifest.bin["neko-trust"] ?? "");
    const seen = spawnSync(process.execPath, [command, "--help"], { cwd: project.folder, encoding: "utf8" });
    assert.equal(seen.status, 0, seen.stderr);
    assert.match(seen.stdout, /verify-image/);
  });

  test("its types serve a strict TypeScript program", () => {
    writeFileSync(join(project.folder, "typed.ts"), typed);
    const options = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--types",
      "node",
    ];
    const roots = ["--typeRoots", join(checkout, "node_modules", "@types"), "--ignoreConfig", "typed.ts"];
    const compiler = join(checkout, "node_modules", "typescript", "bin", "tsc");
    const seen = spawnSync(process.execPath, [compiler, ...options, ...roots], {
      cwd: project.folder,
      encoding: "utf8",
    });
    assert.equal(seen.stdout, "");
    assert.equal(seen.status, 0, seen.stderr);
  });

  test("a component of it is previewed by the real engine", async (t) => {
    writeFileSync(join(project.folder, "program.mjs"), program);
    writeFileSync(join(project.folder, "Pulumi.dev.yaml"), "config: {}\n");
    const imported = (await import(pathToFileURL(join(project.folder, "program.mjs")).href)) as { program: Program };
    const standIns = await startStandIns({
      stack: "dev",
      project: "empty",
      mode: "preview",
      journalFile: join(project.folder, "journal.jsonl"),
      kubernetes: { kind: "files", directory: join(project.folder, "rendered") },
    });
    t.after(() => standIns.stop());
    const stack = await openStack({
      engine: await engineUnderTest(),
      checkout: project.folder,
      stack: "dev",
      program: imported.program,
      folder: join(project.folder, "engine"),
      passphrase: "test",
      attach: standIns.debugProviders,
      environment: process.env,
    });
    const { resources } = await stack.preview();
    assert.deepEqual(
      resources.filter((resource) => resource.op !== "create"),
      [],
    );
    const types = resources.map((resource) => resource.type);
    for (const type of ["neko-trust:github:GhcrRepository", "github:index/repository:Repository"]) {
      assert.ok(types.includes(type), `no ${type} in ${types.join(", ")}`);
    }
    assert.deepEqual(standIns.refusals(), []);
    assert.deepEqual(standIns.journal(), []);
  });
});
