import { spawn } from "node:child_process";
import { z } from "zod";
import { Failure } from "../../core/failure.ts";
import type { Credentials } from "./settings.ts";

/** Docker's credential helper protocol: `docker-credential-<name> get`, the server on stdin, JSON on stdout. */

const answerSchema = z.looseObject({ Username: z.string(), Secret: z.string() });

/** The user name that marks an identity token. */
const tokenUser = "<token>";
const timeoutMilliseconds = 30_000;
const maxOutputBytes = 64 * 1024;
/** What helpers print, with exit code 1, when they hold nothing for a server. */
const notFound = "credentials not found in native keychain";

/** What the helper holds for a server, or undefined. Throws CREDENTIAL_HELPER_FAILED; its output is never repeated. */
export async function askCredentialHelper(
  name: string,
  server: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
    throw helperFailed(name.slice(0, 64), "its name is no plain word");
  const { exitCode, output, fault } = await runHelper(`docker-credential-${name}`, server, environment);
  if (fault !== undefined) throw helperFailed(name, fault);
  if (exitCode !== 0) {
    if (output.includes(notFound)) return undefined;
    throw helperFailed(name, `it ended with exit code ${exitCode ?? "none"}`);
  }
  const parsed = answerSchema.safeParse(parseJson(output));
  if (!parsed.success) throw helperFailed(name, "it answered something else than credentials");
  const { Username: username, Secret: secret } = parsed.data;
  if (secret === "") return undefined;
  return username === tokenUser
    ? { kind: "identity-token", token: secret }
    : { kind: "basic", username, password: secret };
}

interface HelperRun {
  readonly exitCode: number | null;
  readonly output: string;
  readonly fault?: string;
}

function runHelper(
  command: string,
  server: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<HelperRun> {
  return new Promise((resolve) => {
    const child = spawn(command, ["get"], { env: { ...environment }, stdio: ["pipe", "pipe", "ignore"] });
    let output = "";
    const finish = (run: HelperRun): void => {
      clearTimeout(timer);
      resolve(run);
    };
    // Killing a script leaves what it started; closing the pipe ends that too, and nobody waits for it.
    const giveUp = (fault: string): void => {
      child.kill("SIGKILL");
      child.stdout.destroy();
      finish({ exitCode: null, output: "", fault });
    };
    const timer = setTimeout(() => {
      giveUp(`it took longer than ${timeoutMilliseconds / 1000} s`);
    }, timeoutMilliseconds);
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (chunk: string) => {
      output += chunk;
      if (output.length > maxOutputBytes) giveUp("it answered something else than credentials");
    });
    child.on("error", (error) => {
      const missing = "code" in error && error.code === "ENOENT";
      finish({ exitCode: null, output: "", fault: missing ? `${command} is not on PATH` : "it can't be started" });
    });
    child.on("close", (exitCode) => {
      finish({ exitCode, output });
    });
    // A helper that ends without reading is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(server);
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function helperFailed(name: string, why: string): Failure {
  return new Failure({
    code: "CREDENTIAL_HELPER_FAILED",
    kind: "unavailable",
    message: `Docker's credential helper "${name}" gave no credentials: ${why}.`,
    remedy: "Mend the helper, or take it out of credHelpers or credsStore in Docker's config.json.",
  });
}
