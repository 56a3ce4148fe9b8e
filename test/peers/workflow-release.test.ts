import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { removeTree } from "../../src/adapters/trees/remove-tree.ts";
import { imageLayout } from "../../src/core/oci/layout-files.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import { tinyImage } from "../support/nix-lab.ts";
import { labRun, startReleaseLab } from "../support/release-lab.ts";
import { labToken, signingConfig } from "../support/signing.ts";
import { localConfig } from "../support/stack-files.ts";
import { copyCheckout } from "../support/program-checkout.ts";
import { sbomScript, smallFlake } from "../support/workflow/small-flake.ts";
import { runWorkflow } from "../support/workflow/run-workflow.ts";
import type { RunningJob, WorkflowResult, WorkflowRunner } from "../support/workflow/run-workflow.ts";
import { registryFor } from "./registry-process.ts";

/**
 * The release workflow, as it is committed: its scripts are executed in order, against real Nix, a real registry and the
 * lab's Sigstore. Actions are stubbed. What is built is a small flake in the place of the real one, as nixpkgs can't be
 * had in a test.
 */

const lab = await startReleaseLab();
const version = "1.2.3";

/** Why it can't run here: Nix, a mount namespace (so that its store may lie at /nix/store) and jq are needed. */
function absent(): string | undefined {
  for (const program of ["nix", "jq", "git", "unshare"]) {
    if (spawnSync(program, ["--version"]).error !== undefined) return `${program} is not on PATH`;
  }
  if (!existsSync("/nix")) return "there is no folder /nix that a store could be mounted at";
  const mounts = spawnSync("unshare", ["--mount", "mount", "--bind", "/tmp", "/nix"], { encoding: "utf8" });
  return mounts.status === 0 ? undefined : `a store can't be mounted at /nix here: ${mounts.stderr.trim()}`;
}

interface Rig {
  readonly run: () => Promise<WorkflowResult>;
  readonly image: string;
  /** What was asked of gh, one line each. */
  readonly gh: () => string;
  readonly git: (...args: string[]) => string;
  readonly origin: string;
}

interface RigOptions {
  readonly odd?: boolean;
  readonly ref?: string;
  readonly flakeVersion?: string;
  /** Changes the policy that the last word is by, at dotted paths. */
  readonly policy?: Readonly<Record<string, unknown>>;
}

async function rigOf(t: TestContext, options: RigOptions = {}): Promise<Rig | undefined> {
  const why = absent();
  if (why !== undefined) {
    t.skip(why);
    return undefined;
  }
  const registry = await registryFor(t, "crane");
  if (registry === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "neko-workflow-"));
  t.after(() => {
    removeTree(folder);
  });
  const image = `${registry}/m1k1o/neko/base`;
  const ref = options.ref ?? `refs/tags/v${version}`;
  const source = prepareSource(t, folder, image, options);
  const git = (...args: string[]): string => runGit(source, folder, args);
  const sha = git("rev-parse", "HEAD").trim();
  const endpoint = await tokenEndpoint(t, ref, sha);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(
    join(bin, "gh"),
    `#!/bin/sh\nprintf '%s\\n' "$*" >>'${folder}/gh'\ncase "$1 $2" in "pr list") echo 0 ;; esac\n`,
  );
  // The dependencies are this checkout's own, linked: an installation would empty them.
  writeFileSync(join(bin, "npm"), "#!/bin/sh\necho 'run make setup first: a test installs nothing' >&2\nexit 1\n");
  for (const program of ["gh", "npm"]) chmodSync(join(bin, program), 0o755);
  writeFileSync(join(folder, "gh"), "");
  const origin = join(folder, "server", `${labRun.repository}.git`);
  mkdirSync(dirname(origin), { recursive: true });
  execFileSync("git", ["clone", "--quiet", "--bare", source, origin]);

  const [refType, refName] = ref.startsWith("refs/tags/") ? ["tag", ref.slice(10)] : ["branch", ref.slice(11)];
  const runner: WorkflowRunner = {
    folder,
    github: { token: "the-job-token", ref, ref_type: refType, repository: labRun.repository, sha },
    vars: { SIGSTORE_SIGNING_CONFIG: signingConfig(lab.sigstore) },
    // Only stack local may trust the lab's roots.
    env: { IMAGE: image, PRODUCT: "neko-trust-sample", STACK: "local" },
    checkOut: (workspace) => {
      execFileSync("git", ["clone", "--quiet", source, workspace]);
      // What `make setup` would install; git takes a link for a file that nobody ignores.
      symlinkSync(join(checkout, "node_modules"), join(workspace, "node_modules"));
      writeFileSync(join(workspace, ".git", "info", "exclude"), "/node_modules\n");
    },
    shell: (script) => ["unshare", "--mount", "sh", "-c", mounted(folder), "sh", script],
    environmentOf: (job) => ({
      PATH: [bin, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter),
      HOME: homeOf(folder, job),
      NIX_CONFIG: nixConfig(job),
      NEKO_TRUST_STATE: join(folder, "state"),
      ...{ GITHUB_REPOSITORY: labRun.repository, GITHUB_SHA: sha, GITHUB_REF: ref, GITHUB_REF_TYPE: refType },
      ...{
        GITHUB_REF_NAME: refName,
        GITHUB_RUN_ID: "77",
        GITHUB_RUN_NUMBER: "7",
        GITHUB_SERVER_URL: join(folder, "server"),
      },
      // Only a job that asks for it gets at a token, as on GitHub.
      ...(job.permissions["id-token"] === "write" ? endpoint(job) : {}),
    }),
  };
  return {
    image,
    gh: () => readFileSync(join(folder, "gh"), "utf8"),
    git,
    origin,
    run: () => runWorkflow(join(checkout, ".github", "workflows", "nix-build-sign.yml"), runner),
  };
}

const mounted = (folder: string): string => `
  mkdir -p '${folder}/nix' && mount --bind '${folder}/nix' /nix &&
  exec bash --noprofile --norc -e -o pipefail "$1"`;

function homeOf(folder: string, { name, matrix }: RunningJob): string {
  const home = join(folder, "homes", `${name}-${matrix["arch"] ?? ""}`);
  mkdirSync(home, { recursive: true });
  return home;
}

/** The arm machine is this one under another name: what is built is the same to /bin/sh. */
function nixConfig({ matrix }: RunningJob): string {
  const arm = matrix["arch"] === "arm64";
  return [
    ...["build-users-group =", "substituters =", "sandbox = true", "experimental-features = nix-command flakes"],
    ...["flake-registry =", "sandbox-paths = /bin/sh /lib /lib64 /usr/lib /usr/bin"],
    ...(arm ? ["system = aarch64-linux", "extra-platforms = x86_64-linux"] : []),
  ].join("\n");
}

/** The commit that is released: this checkout, with the small flake and stacks that trust the lab. */
function prepareSource(t: TestContext, folder: string, image: string, options: RigOptions): string {
  const copy = copyCheckout();
  t.after(() => copy.remove());
  const source = copy.folder;
  rmSync(join(source, "node_modules"));
  const write = (name: string, content: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    writeFileSync(join(source, name), content, { mode });
  };
  for (const architecture of ["amd64", "arm64"]) {
    for (const [path, bytes] of imageLayout(tinyImage(`for ${architecture}`, architecture))) {
      write(join("lab", architecture, path), bytes);
    }
  }
  write("lab/sbom.sh", sbomScript, 0o755);
  write("flake.nix", smallFlake({ odd: options.odd === true, version: options.flakeVersion ?? version }));
  write("flake.lock", JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }));
  write("stacks/lab-root.json", lab.sigstore.trustedRoot);
  const stack = {
    ...Object.fromEntries(
      Object.entries(localConfig()).filter(([key]) => !/^neko-trust:(?:release$|signer|confid|keyBroker)/.test(key)),
    ),
    "neko-trust:policy": lab.policyWith({
      "images.0.repository": image,
      "signers.0.environment": "release",
      "signers.0.refs": ["refs/heads/master", "refs/tags/v*"],
      "provenance.externalParameters": {
        flake: { fields: { repository: { fact: "flake.repository" }, commit: { fact: "flake.commit" } } },
        attribute: { equals: "image" },
        platform: { fact: "platform" },
      },
      ...options.policy,
    }),
    "neko-trust:trustedRoot": "stacks/lab-root.json",
    "neko-trust:releases": [],
  };
  write("stacks/Pulumi.local.yaml", stringify({ config: stack }, { aliasDuplicateObjects: false }));
  runGit(source, folder, ["init", "--quiet", "--initial-branch", "master"]);
  runGit(source, folder, ["add", "--all"]);
  runGit(source, folder, ["commit", "--quiet", "--message", "what is released"]);
  return source;
}

function runGit(source: string, folder: string, args: readonly string[]): string {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", [...identity, ...args], { cwd: source, encoding: "utf8", env });
}

/** GitHub's endpoint for identity tokens of a job: they name the workflow, ref, commit and the job's environment. */
async function tokenEndpoint(t: TestContext, ref: string, sha: string) {
  const server = createServer((request, response) => {
    const environment = new URL(request.url ?? "/", "http://127.0.0.1").searchParams.get("environment") ?? "";
    const allowed = request.headers.authorization === "Bearer the-request-token";
    response.writeHead(allowed ? 200 : 401, { "content-type": "application/json" });
    const run = { ref, sha, ...(environment === "" ? {} : { environment }) };
    response.end(JSON.stringify(allowed ? { value: labToken(lab.sigstore, run) } : {}));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return ({ environment }: RunningJob): Record<string, string> => ({
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/?environment=${environment ?? ""}`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "the-request-token",
  });
}

const output = ({ failed }: WorkflowResult): string =>
  `${failed?.job ?? ""}: ${failed?.step ?? ""}\n${failed?.output ?? ""}`;

test("a version's tag: built, reproduced, pushed by digest, signed, verified, tagged and released, by the committed scripts", async (t) => {
  const rig = await rigOf(t);
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed, undefined, output(result));
  assert.deepEqual(result.skipped, ["propose"]);
  const jobs = [...new Set(result.steps.map(({ job }) => job))];
  assert.deepEqual(jobs, [
    "build-amd64",
    "build-arm64",
    "reproduce-amd64",
    "reproduce-arm64",
    "publish",
    "verify",
    "tag",
  ]);
  const stubbed = new Set(result.steps.filter(({ how }) => how === "stubbed").map(({ step }) => step.split("@")[0]));
  assert.deepEqual(
    [...stubbed],
    ["actions/checkout", "cachix/install-nix-action", "actions/upload-artifact", "actions/download-artifact"],
  );
  const tagged = await fetch(`http://${rig.image.replace("/", "/v2/")}/manifests/${version}`);
  assert.equal(tagged.status, 200);
  assert.match(rig.gh(), new RegExp(`^release create v${version} --verify-tag .*${rig.image}@sha256:[0-9a-f]{64}`));
});

test("a build that differs is published nowhere", async (t) => {
  const rig = await rigOf(t, { odd: true });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "reproduce-amd64");
  assert.equal(result.failed.step, "Build it twice on this machine");
  assert.match(result.failed.output, /odd/);
});

test("a tag that says another version than the flake is refused before anything is pushed", async (t) => {
  const rig = await rigOf(t, { flakeVersion: "1.2.4" });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.step, "Push by digest");
  assert.match(result.failed.output, /the tag is v1\.2\.3, and the flake says version 1\.2\.4/);
});

test("what the stack's policy refuses gets no tag, and no release", async (t) => {
  const rig = await rigOf(t, { policy: { "freshness.minVersion": "2.0.0" } });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed?.job, "verify");
  assert.match(result.failed.output, /VERSION_TOO_OLD/);
  assert.equal(rig.gh(), "");
});

test("what master builds is proposed to staging: a branch with its digest, a pull request, and its checks", async (t) => {
  const rig = await rigOf(t, { ref: "refs/heads/master" });
  if (rig === undefined) return;
  const result = await rig.run();
  assert.equal(result.failed, undefined, output(result));
  assert.deepEqual(result.skipped, ["tag"]);
  const [list, create, checks] = rig.gh().split("\n");
  assert.match(list ?? "", /^pr list --head release\//);
  assert.match(create ?? "", /--title local runs neko-trust-sample 1\.2\.4-dev\.7 /);
  assert.match(checks ?? "", /^workflow run pr\.yml --ref release\//);
  const branch = /--ref (\S+)/.exec(checks ?? "")?.[1] ?? "";
  const shown = execFileSync("git", ["--git-dir", rig.origin, "show", "--stat", "--format=%an %s", branch], {
    encoding: "utf8",
  });
  assert.match(shown, /^github-actions\[bot\] local runs neko-trust-sample 1\.2\.4-dev\.7\n/);
  assert.match(shown, /stacks\/Pulumi\.local\.yaml/);
});
