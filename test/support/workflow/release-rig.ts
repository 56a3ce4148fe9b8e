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
import { basename, delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { removeTree } from "../../../src/adapters/trees/remove-tree.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { buildImage, buildLayer } from "../../../src/core/oci/layout-builder.ts";
import { imageLayout } from "../../../src/core/oci/layout-files.ts";
import { registryFor } from "../../peers/registry-process.ts";
import { checkout } from "../engine/engine-under-test.ts";
import { tinyImage } from "../nix-lab.ts";
import { copyCheckout } from "../program-checkout.ts";
import { labRun } from "../release-lab.ts";
import type { ReleaseLab } from "../release-lab.ts";
import { sampleDisk, sampleUki } from "../signer-disk.ts";
import { labToken, signingConfig } from "../signing.ts";
import { noDigest } from "../stack-lab.ts";
import { localConfig } from "../stack-files.ts";
import { runWorkflow } from "./run-workflow.ts";
import type { RunningJob, WorkflowResult, WorkflowRunner } from "./run-workflow.ts";
import { sbomScript, smallFlake } from "./small-flake.ts";

/** Why it can't run here: Nix, a mount namespace (so that its store may lie at /nix/store) and jq are needed. */
function absent(): string | undefined {
  for (const program of ["nix", "jq", "git", "unshare"]) {
    if (spawnSync(program, ["--version"]).error !== undefined) return `${program} is not on PATH`;
  }
  if (!existsSync("/nix")) return "there is no folder /nix that a store could be mounted at";
  const mounts = spawnSync("unshare", ["--mount", "mount", "--bind", "/tmp", "/nix"], { encoding: "utf8" });
  return mounts.status === 0 ? undefined : `a store can't be mounted at /nix here: ${mounts.stderr.trim()}`;
}

/** A release of the small flake: a commit of its own, a registry, and GitHub's part of a run. */
export interface WorkflowRig {
  readonly run: () => Promise<WorkflowResult>;
  readonly image: string;
  readonly signerImage: string;
  /** The commit that is released. */
  readonly checkout: string;
  /** What was asked of gh, one line each; what a release says follows its line. */
  readonly gh: () => string;
  readonly git: (...args: string[]) => string;
  readonly origin: string;
  /** Stack local, as the commit has it. */
  readonly config: () => StackConfig;
  /** Runs neko-trust in the checkout of a job that ran. */
  readonly nekoTrust: (job: string, ...args: string[]) => { readonly code: number | null; readonly output: string };
  /** A document that a job uploaded. */
  readonly published: (artifact: string, file: string) => unknown;
}

export interface RigOptions {
  readonly odd?: boolean;
  readonly ref?: string;
  readonly flakeVersion?: string;
  /** Changes the policy that the last word is by, at dotted paths. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** The same for the policy of the signer's release. */
  readonly signerPolicy?: Readonly<Record<string, unknown>>;
  /** What the flake gives as the signer's kernel image; that which lies on its disk unless given. */
  readonly signerUki?: Uint8Array;
  /** The only jobs to run. */
  readonly only?: readonly string[];
}

export const releasedVersion = "1.2.3";

/** A rig for one test, which removes it; undefined, with the test skipped and the reason printed, where it can't run. */
export async function workflowRig(
  t: TestContext,
  lab: ReleaseLab,
  options: RigOptions = {},
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
  const image = `${registry}/m1k1o/neko/base`;
  const signerImage = `${registry}/m1k1o/neko/signer`;
  const ref = options.ref ?? `refs/tags/v${releasedVersion}`;
  const source = prepareSource(t, lab, { folder, image, signerImage }, options);
  const git = (...args: string[]): string => runGit(source, folder, args);
  const sha = git("rev-parse", "HEAD").trim();
  const endpoint = await tokenEndpoint(t, lab, ref, sha);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  writeFileSync(
    join(bin, "gh"),
    `#!/bin/sh\nprintf '%s\\n' "$*" >>'${folder}/gh'\ncat notes.md >>'${folder}/gh' 2>&-\ncase "$1 $2" in "pr list") echo 0 ;; esac\n`,
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
    env: { IMAGE: image, PRODUCT: "neko-trust-sample", SIGNER_IMAGE: signerImage, STACK: "local" },
    ...(options.only === undefined ? {} : { only: options.only }),
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
  const directories = { checkout: source, state: join(folder, "state"), cache: folder, run: folder };
  const workspace = (job: string): string => join(folder, "jobs", job, basename(labRun.repository));
  return {
    image,
    signerImage,
    checkout: source,
    gh: () => readFileSync(join(folder, "gh"), "utf8"),
    git,
    origin,
    config: () => readYamlConfig("local", directories),
    nekoTrust: (job, ...args) => {
      const env = { PATH: process.env["PATH"] ?? "", HOME: folder, NEKO_TRUST_STATE: directories.state };
      const ran = spawnSync("scripts/neko-trust", args, { cwd: workspace(job), env, encoding: "utf8" });
      return { code: ran.status, output: ran.stdout + ran.stderr };
    },
    published: (artifact, file): unknown => JSON.parse(readFileSync(join(folder, "artifacts", artifact, file), "utf8")),
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
function prepareSource(
  t: TestContext,
  lab: ReleaseLab,
  { folder, image, signerImage }: { readonly folder: string; readonly image: string; readonly signerImage: string },
  options: RigOptions,
): string {
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
  for (const [path, bytes] of imageLayout(signerRelease())) write(join("lab", "signer", path), bytes);
  write("lab/signer.efi", options.signerUki ?? sampleUki);
  write("lab/sbom.sh", sbomScript, 0o755);
  write("flake.nix", smallFlake({ odd: options.odd === true, version: options.flakeVersion ?? releasedVersion }));
  write("flake.lock", JSON.stringify({ nodes: { root: {} }, root: "root", version: 7 }));
  write("stacks/lab-root.json", lab.sigstore.trustedRoot);
  const stack = stackOf(lab, image, signerImage, options);
  write("stacks/Pulumi.local.yaml", stringify({ config: stack }, { aliasDuplicateObjects: false }));
  runGit(source, folder, ["init", "--quiet", "--initial-branch", "master"]);
  runGit(source, folder, ["add", "--all"]);
  runGit(source, folder, ["commit", "--quiet", "--message", "what is released"]);
  return source;
}

/** An image whose one layer is a disk that a machine of Compute Engine would boot, but for what is on it. */
function signerRelease() {
  const sourceDateEpoch = 1_700_000_000;
  const layer = buildLayer([{ kind: "file", path: "disk.raw", bytes: sampleDisk() }], { sourceDateEpoch });
  return buildImage([layer], { platform: { os: "linux", architecture: "amd64" }, sourceDateEpoch });
}

/** Stack local, which trusts the lab, with the policies of both images as staging and production have them. */
function stackOf(lab: ReleaseLab, image: string, signerImage: string, options: RigOptions): Record<string, unknown> {
  const policyOf = (attribute: string, changes: Readonly<Record<string, unknown>>) =>
    lab.policyWith({
      "signers.0.environment": "release",
      "provenance.externalParameters": {
        flake: { fields: { repository: { fact: "flake.repository" }, commit: { fact: "flake.commit" } } },
        attribute: { equals: attribute },
        platform: { fact: "platform" },
      },
      ...changes,
    });
  return {
    ...Object.fromEntries(
      Object.entries(localConfig()).filter(([key]) => !/^neko-trust:(?:release$|signer|confid|keyBroker)/.test(key)),
    ),
    "neko-trust:policy": policyOf("image", {
      "images.0.repository": image,
      "signers.0.refs": ["refs/heads/master", "refs/tags/v*"],
      ...options.policy,
    }),
    "neko-trust:trustedRoot": "stacks/lab-root.json",
    "neko-trust:releases": [],
    "neko-trust:signerRelease": {
      image: signerImage,
      // Before the first one there is none to name.
      current: noDigest,
      retained: [],
      disk: { kind: "oci", reference: `${signerImage}@${noDigest}` },
      policy: policyOf("signer-image", {
        name: "neko-lab-signer",
        "images.0": { name: "neko-trust-signer", repository: signerImage, mirrors: [], platforms: ["linux/amd64"] },
        "signers.0.refs": ["refs/tags/v*"],
        ...options.signerPolicy,
      }),
    },
  };
}

function runGit(source: string, folder: string, args: readonly string[]): string {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", [...identity, ...args], { cwd: source, encoding: "utf8", env });
}

/** GitHub's endpoint for identity tokens of a job: they name the workflow, ref, commit and the job's environment. */
async function tokenEndpoint(t: TestContext, lab: ReleaseLab, ref: string, sha: string) {
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
