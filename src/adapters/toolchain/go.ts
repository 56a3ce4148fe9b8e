import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Failure, reasonOf } from "../../core/failure.ts";

const run = promisify(execFile);

/** The environment as a caller hands it over: `process.env`, or a test's. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags of every build: no paths of this machine in the binary, no writes to go.mod, no question to git. */
export const buildFlags = ["-mod=readonly", "-buildvcs=false", "-trimpath"] as const;

const architectures: Readonly<Partial<Record<NodeJS.Architecture, string>>> = { x64: "amd64", arm64: "arm64" };

/**
 * The environment for `go`: the user's (proxy, module cache, PATH), except for what would change the result: flags,
 * a workspace file, cross compilation, C, and the download of another toolchain.
 */
export function goEnvironment(environment: Environment): NodeJS.ProcessEnv {
  return {
    ...environment,
    GOFLAGS: buildFlags.join(" "),
    GOTOOLCHAIN: "local",
    GO111MODULE: "on",
    GOWORK: "off",
    CGO_ENABLED: "0",
    GOOS: process.platform,
    GOARCH: architectures[process.arch] ?? process.arch,
  };
}

/**
 * Checks that Go is there and new enough for a module.
 * @throws Failure GO_MISSING, GO_TOO_OLD
 */
export async function requireGo(moduleDirectory: string, what: string, environment: Environment): Promise<void> {
  const needed = /^go (\d+)\.(\d+)/m.exec(await readFile(join(moduleDirectory, "go.mod"), "utf8"));
  const minimum = needed === null ? "1.26" : `${needed[1] ?? ""}.${needed[2] ?? ""}`;
  const remedy = `Install Go ${minimum} or newer (https://go.dev/dl/ or your distribution), put it on PATH and run the same command again.`;
  const found = await goVersion(environment, remedy, what);
  const version = /^go(\d+)\.(\d+)/.exec(found);
  // A development version ("devel go1.28-…") says nothing reliable: let the build itself decide.
  if (version === null || needed === null) return;
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const [neededMajor, neededMinor] = [Number(needed[1]), Number(needed[2])];
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new Failure({
    code: "GO_TOO_OLD",
    kind: "unavailable",
    message: `${what} is built with Go ${minimum} or newer, and the Go on PATH is ${found.slice(2)}.`,
    remedy,
  });
}

async function goVersion(environment: Environment, remedy: string, what: string): Promise<string> {
  try {
    // Not in the module's folder: there an old Go refuses to answer at all.
    const { stdout } = await run("go", ["env", "GOVERSION"], { cwd: tmpdir(), env: goEnvironment(environment) });
    return stdout.trim();
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new Failure(
      {
        code: "GO_MISSING",
        kind: "unavailable",
        message: missing
          ? `${what} is built from source, and there is no Go on PATH.`
          : `${what} is built from source, and the Go on PATH does not answer: ${reasonOf(cause).split("\n")[0] ?? ""}`,
        remedy,
      },
      { cause },
    );
  }
}
