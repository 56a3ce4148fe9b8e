import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { removeTree } from "../../../src/adapters/trees/remove-tree.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { registryFor } from "../../peers/registry-process.ts";
import { checkout } from "../engine/engine-under-test.ts";
import { labRun } from "../release-lab.ts";
import type { ReleaseLab } from "../release-lab.ts";
import { labToken, signingConfig } from "../signing.ts";
import { releaseSource, releasedVersion, runGit, stackText } from "./release-source.ts";
import type { SourceOptions } from "./release-source.ts";
import { execute } from "./run-steps.ts";
import { runWorkflow } from "./run-workflow.ts";
import type { RunningJob, WorkflowResult, WorkflowRunner } from "./run-workflow.ts";

/** Why it can't run here: Nix, a mount namespace (so that its store may lie at /nix/store) and jq are needed. */
function absent(): string | undefined {
  for (const program of ["nix", "jq", "git", "unshare"]) {
    if (spawnSync(program, ["--version"]).error !== undefined) return `${program} is not on PATH`;
  }
  if (!existsSync("/nix")) return "there is no folder /nix that a store could be mounted at";
  const mounts = spawnSync("unshare", ["--mount", "mount", "--bind", "/tmp", "/nix"], { encoding: "utf8" });
  return mounts.status === 0 ? undefined : `a store can't be mounted at /nix here: ${mounts.stderr.trim()}`;
}

/** A repository with the small flake, a registry, and GitHub's part of the runs of its release workflow. */
export interface WorkflowRig {
  /** Runs the workflow for a ref, of a commit that it names now or named before. */
  readonly run: (what?: RunOptions) => Promise<WorkflowResult>;
  /** registry/owner/repository: where the images lie. */
  readonly images: string;
  /** Makes a commit that changes a file that no image is made of; gives its id. */
  readonly commit: () => string;
  readonly git: (...args: string[]) => string;
  /** What was asked of gh, one line each; what a release says follows its line. */
  readonly gh: () => string;
  /** The bare repository that is GitHub's. */
  readonly origin: string;
  /** A checkout as runs for a ref have it. */
  readonly checkoutOf: (ref: string) => string;
  /** Stack local in the role that it has in runs for a ref: staging's on master, production's for a tag. */
  readonly config: (ref: string) => StackConfig;
  /** Runs neko-trust in such a checkout. */
  readonly nekoTrust: (ref: string, ...args: string[]) => Promise<{ readonly code: number; readonly output: string }>;
  /** A document that a job of the last run uploaded. */
  readonly published: (artifact: string, file: string) => unknown;
}

export interface RunOptions {
  /** `refs/tags/v<releasedVersion>` unless given. */
  readonly ref?: string;
  /** The newest commit unless given. */
  readonly sha?: string;
  /** The only jobs to run. */
  readonly only?: readonly string[];
  /** Jobs that are taken for done, where another run has shown that they do their work. */
  readonly assumed?: readonly string[];
}

/** A rig for one test, which removes it; undefined, with the test skipped and the reason printed, where it can't run. */
export async function workflowRig(
  t: TestContext,
  lab: ReleaseLab,
  options: SourceOptions = {},
): Promise<WorkflowRig | undefined> {
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
  const images = `${registry}/${labRun.repository}`;
  const source = releaseSource(t, lab, { images, home: folder }, options);
  const git = (...args: string[]): string => runGit(source, folder, args).trim();
  const origin = join(folder, "server", `${labRun.repository}.git`);
  mkdirSync(dirname(origin), { recursive: true });
  execFileSync("git", ["clone", "--quiet", "--bare", source, origin]);
  // One file for all objects: every checkout has a link to each.
  execFileSync("git", ["--git-dir", origin, "repack", "-a", "-d", "--quiet"]);
  const bin = programs(folder, origin);
  const endpoint = await tokenEndpoint(t, lab);
  const checkOut = (ref: string, sha: string, workspace: string): void => {
    execFileSync("git", ["clone", "--quiet", origin, workspace]);
    execFileSync("git", ["-C", workspace, "checkout", "--quiet", "--detach", sha]);
    // What `make setup` would install; git takes a link for a file that nobody ignores.
    symlinkSync(join(checkout, "node_modules"), join(workspace, "node_modules"));
    writeFileSync(join(workspace, ".git", "info", "exclude"), "/node_modules\n");
    if (!ref.startsWith("refs/tags/")) return;
    // Only stack local may trust the lab, so that it is production, too. To git, and so to Nix, the file is as it was.
    const file = "stacks/Pulumi.local.yaml";
    execFileSync("git", ["-C", workspace, "update-index", "--assume-unchanged", file]);
    writeFileSync(join(workspace, file), stackText(lab, images, "production", options));
  };
  const asOf = (ref: string): string => {
    const workspace = join(folder, "checkouts", ref);
    if (!existsSync(workspace)) checkOut(ref, git("rev-parse", "HEAD"), workspace);
    return workspace;
  };
  const place = { folder, bin, images, endpoint, checkOut };
  const state = join(folder, "state");
  let runs = 0;
  const folderOfRun = (): string => join(folder, "runs", String(runs));
  return {
    images,
    git,
    origin,
    commit: () => {
      writeFileSync(join(source, "lab", "note"), git("rev-parse", "HEAD"));
      git("add", "--all");
      git("commit", "--quiet", "--message", "nothing that an image is made of");
      git("push", "--quiet", origin, "master");
      return git("rev-parse", "HEAD");
    },
    gh: () => readFileSync(join(folder, "gh"), "utf8"),
    checkoutOf: asOf,
    config: (ref) => readYamlConfig("local", { checkout: asOf(ref), state, cache: folder, run: folder }),
    nekoTrust: (ref, ...args) => {
      const env = { PATH: process.env["PATH"] ?? "", HOME: folder, NEKO_TRUST_STATE: state };
      return execute(["scripts/neko-trust", ...args], asOf(ref), env);
    },
    published: (artifact, file): unknown =>
      JSON.parse(readFileSync(join(folderOfRun(), "artifacts", artifact, file), "utf8")),
    run: ({ ref = `refs/tags/v${releasedVersion}`, sha = git("rev-parse", "HEAD"), only, assumed = [] } = {}) => {
      runs += 1;
      if (ref.startsWith("refs/tags/")) git("push", "--quiet", origin, `${sha}:${ref}`);
      const runner = runnerOf(lab, place, { ref, sha, folder: folderOfRun(), only, assumed });
      return runWorkflow(join(checkout, ".github", "workflows", "nix-build-sign.yml"), runner);
    },
  };
}

/** The folder of programs that only GitHub's machines have, or that must not work in a test. */
function programs(folder: string, origin: string): string {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const gh = join(import.meta.dirname, "gh.ts");
  const log = join(folder, "gh");
  writeFileSync(log, "");
  writeFileSync(join(bin, "gh"), `#!/bin/sh\nexec '${process.execPath}' '${gh}' '${origin}' '${log}' "$@"\n`);
  // The dependencies are this checkout's own, linked: an installation would empty them.
  writeFileSync(join(bin, "npm"), "#!/bin/sh\necho 'run make setup first: a test installs nothing' >&2\nexit 1\n");
  for (const program of ["gh", "npm"]) chmodSync(join(bin, program), 0o755);
  return bin;
}

interface Place {
  readonly folder: string;
  readonly bin: string;
  readonly images: string;
  readonly endpoint: TokenEndpoint;
  readonly checkOut: (ref: string, sha: string, workspace: string) => void;
}

function runnerOf(
  lab: ReleaseLab,
  { folder, bin, images, endpoint, checkOut }: Place,
  run: Readonly<Record<"ref" | "sha" | "folder", string>> & Pick<WorkflowRunner, "only" | "assumed">,
): WorkflowRunner {
  const { ref, sha, only, assumed } = run;
  const [refType, refName] = ref.startsWith("refs/tags/") ? ["tag", ref.slice(10)] : ["branch", ref.slice(11)];
  return {
    folder: run.folder,
    github: { token: "the-job-token", ref, ref_type: refType, repository: labRun.repository, sha },
    vars: { SIGSTORE_SIGNING_CONFIG: signingConfig(lab.sigstore) },
    env: { IMAGES: images, STACK: "local" },
    only,
    assumed,
    checkOut: (workspace) => {
      checkOut(ref, sha, workspace);
    },
    shell: (script) => ["unshare", "--mount", "sh", "-c", mounted(folder), "sh", script],
    environmentOf: (job) => ({
      PATH: [bin, dirname(process.execPath), process.env["PATH"] ?? ""].join(delimiter),
      HOME: homeOf(run.folder, job),
      NIX_CONFIG: nixConfig(job),
      NEKO_TRUST_STATE: join(folder, "state"),
      ...{ GITHUB_REPOSITORY: labRun.repository, GITHUB_SHA: sha, GITHUB_REF: ref, GITHUB_REF_TYPE: refType },
      ...{ GITHUB_REF_NAME: refName, GITHUB_RUN_ID: "77", GITHUB_SERVER_URL: "https://github.com" },
      // Only a job that asks for it gets at a token, as on GitHub.
      ...(job.permissions["id-token"] === "write" ? endpoint(job, { ref, sha }) : {}),
    }),
  };
}

const mounted = (folder: string): string => `
  mkdir -p '${folder}/nix' && mount --bind '${folder}/nix' /nix &&
  exec bash --noprofile --norc -e -o pipefail "$1"`;

function homeOf(folder: string, { workspace }: RunningJob): string {
  const home = join(folder, "homes", basename(dirname(workspace)));
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

type TokenEndpoint = (
  job: RunningJob,
  run: { readonly ref: string; readonly sha: string },
) => Readonly<Record<string, string>>;

/** GitHub's endpoint for identity tokens of a job: they name the workflow, ref, commit and the job's environment. */
async function tokenEndpoint(t: TestContext, lab: ReleaseLab): Promise<TokenEndpoint> {
  const server = createServer((request, response) => {
    const asked = new URL(request.url ?? "/", "http://127.0.0.1").searchParams;
    const [ref = "", sha = "", environment = ""] = ["ref", "sha", "environment"].map((name) => asked.get(name) ?? "");
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
  return ({ environment = "" }, { ref, sha }) => {
    const query = new URLSearchParams({ environment, ref, sha });
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/?${query.toString()}`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: "the-request-token",
    };
  };
}
