import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, lutimesSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { removeTree } from "../../src/adapters/trees/remove-tree.ts";

/**
 * The flake in a folder of its own, evaluated by real Nix against stand-ins of nixpkgs and nix2container
 * (test/nix/stub): their builders record what they are given. The store, home and settings lie in the folder, and nothing
 * goes to the network.
 */
export interface FlakeLab {
  /** The copy of the flake: a git repository without changes. */
  readonly flake: string;
  /** Runs nix with flakes. */
  readonly nix: (args: readonly string[]) => NixRun;
  /** An output of the flake as JSON; the inputs are the stand-ins, in place of what the lock names. */
  readonly evaluate: (output: string, apply?: string) => unknown;
  /** The options of nix that put the stand-ins in the inputs' place. */
  readonly standIns: readonly string[];
  readonly git: (...args: string[]) => string;
  readonly remove: () => void;
}

export interface NixRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const checkout = resolve(import.meta.dirname, "../..");
/** The revision that flake.lock has, and its commit's time: the stand-in's too. */
export const nekoRevision = "baf21c1d97e1ab1cd001abfc7f9b519126dc8ab8";
export const nekoTime = 1_786_800_966;

/** What the flake reads of the checkout. */
const parts = [
  ...["flake.nix", "flake.lock", "nix", "sbom", "package.json", "package-lock.json", "tsconfig.json", "LICENSE"],
  ...["README.md", "bin", "components", "dev", "index.ts", "lab", "schemas", "src", "stacks"],
];

/** Why Nix can't be used here, or undefined. */
export function nixAbsent(): string | undefined {
  const { error, stdout } = spawnSync("nix", ["--version"], { encoding: "utf8" });
  return error === undefined && stdout.startsWith("nix ") ? undefined : "nix is not on PATH";
}

/** A lab for the tests of a file; `change` is made to the copy before it is committed. */
export function flakeLab(change?: (flake: string) => void): FlakeLab {
  const folder = mkdtempSync(join(tmpdir(), "neko-flake-"));
  const flake = join(folder, "flake");
  const stub = join(folder, "stub");
  mkdirSync(flake);
  for (const part of parts) cpSync(join(checkout, part), join(flake, part), { recursive: true });
  cpSync(join(checkout, "test/nix/stub"), stub, { recursive: true });
  // Nix takes a tree's newest time for the time of its commit, and refuses another one that is said of it.
  setTimes(join(stub, "neko"), nekoTime);
  change?.(flake);
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@localhost", ...args], {
      cwd: flake,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, GIT_CONFIG_NOSYSTEM: "1" },
    });
  git("init", "--quiet", "--initial-branch", "master");
  git("add", "--all", "--force");
  git("commit", "--quiet", "--message", "the flake");
  const environment = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    NIX_CONF_DIR: folder,
    NIX_USER_CONF_FILES: "",
    NIX_REMOTE: join(folder, "store"),
    NIX_CONFIG: "build-users-group =\nsubstituters =\nexperimental-features = nix-command flakes\nflake-registry =",
  };
  const nix = (args: readonly string[]): NixRun => {
    const { status, stdout, stderr } = spawnSync("nix", args, {
      cwd: flake,
      encoding: "utf8",
      env: environment,
      maxBuffer: 64 * 1024 * 1024,
    });
    return { code: status, stdout, stderr };
  };
  const standIns = [
    ...["--override-input", "nixpkgs", `path:${stub}/nixpkgs`],
    ...["--override-input", "nix2container", `path:${stub}/nix2container`],
    ...["--override-input", "neko", `path:${stub}/neko?rev=${nekoRevision}&lastModified=${nekoTime}`],
  ];
  return {
    flake,
    git,
    nix,
    standIns,
    remove: () => {
      removeTree(folder);
    },
    evaluate: (output, apply) => {
      const { code, stdout, stderr } = nix([
        ...["eval", "--json", "--offline", "--no-write-lock-file", ...standIns, `git+file://${flake}#${output}`],
        ...(apply === undefined ? [] : ["--apply", apply]),
      ]);
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as unknown;
    },
  };
}

/**
 * Puts the stand-ins into flake.nix itself, for what Nix takes for a change when an input is overridden: it then evaluates
 * even a clean tree as a dirty one.
 */
export function nameStandIns(flake: string): void {
  const stub = join(flake, "../stub");
  const file = join(flake, "flake.nix");
  const text = readFileSync(file, "utf8")
    .replace('"github:NixOS/nixpkgs/nixos-26.05"', `"path:${stub}/nixpkgs"`)
    .replace('"github:nlewo/nix2container"', `"path:${stub}/nix2container"`)
    .replace(`"github:m1k1o/neko/${nekoRevision}"`, `"path:${stub}/neko?rev=${nekoRevision}&lastModified=${nekoTime}"`);
  writeFileSync(file, text);
}

function setTimes(path: string, seconds: number): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) setTimes(join(path, entry.name), seconds);
    else lutimesSync(join(path, entry.name), seconds, seconds);
  }
  lutimesSync(path, seconds, seconds);
}
