import { gitHubApi } from "../adapters/github/ask-github.ts";
import type { Directories } from "../adapters/directories/directories.ts";
import { findProgram } from "../adapters/processes/find-program.ts";
import { runBounded } from "../adapters/processes/run-bounded.ts";
import { stackFile, stackFilePath } from "../config/read-config.ts";
import { readPins } from "../config/read-pins.ts";
import { ok } from "../core/check-result.ts";
import type { CheckResult } from "../core/check-result.ts";
import { openFile } from "./edit-stack-file.ts";
import { examineApproval } from "./examine/examine-approval.ts";
import { examineClusters } from "./examine/examine-clusters.ts";
import { examineGitHub } from "./examine/examine-github.ts";
import type { GitHubToken } from "./examine/examine-github.ts";
import { examineGoogle } from "./examine/examine-google.ts";
import { examinePlugins } from "./examine/examine-plugins.ts";
import { examinePins, examineStackFile } from "./examine/examine-stack-file.ts";
import type { Purpose } from "./examine/purpose.ts";
import { gitHubToken } from "./open-pin-lookups.ts";

export interface ExamineContext {
  readonly directories: Directories;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly now: Date;
  readonly signal: AbortSignal;
  /** Whose rights are asked for: what only reads, or what writes. */
  readonly purpose: Purpose;
}

/**
 * Everything that a stack needs before it can be previewed or changed: its file, pins, plugins, and each credential with what
 * it may do. Changes nothing anywhere. Throws STACK_UNKNOWN, CONFIG_UNREADABLE and GITHUB_API_URL (usage).
 */
export async function examineStack(stack: string, context: ExamineContext): Promise<readonly CheckResult[]> {
  const { directories, environment, now, signal, purpose } = context;
  const { checkout } = directories;
  const { text } = openFile(stackFile(stack), stackFilePath(stack, checkout));
  const { config, checks } = examineStackFile(stack, text, directories);
  if (config === undefined) return checks;
  const pins = examinePins(checkout, config.policy.environment);
  if (config.policy.environment === "local") {
    return [...checks, pins, ok("providers", "stack local uses the lab's stand-ins: no plugin, token or cluster")];
  }
  const github = { api: gitHubApi(environment), signal, retries: 1 };
  const token = config.githubOwner === undefined ? undefined : await tokenOf(stack, context);
  const answers = await Promise.all([
    examineGitHub(config, token, purpose, github, now),
    examineClusters(config, checkout, purpose),
    examineGoogle(config, purpose, environment, signal),
    examineApproval(config, stack, environment, signal),
  ]);
  const plugins = pins.state === "missing" && !pinsReadable(checkout) ? [] : readPins(checkout).plugins;
  return [...checks, pins, ...examinePlugins(config, plugins, environment), ...answers.flat()];
}

function pinsReadable(checkout: string): boolean {
  try {
    readPins(checkout);
    return true;
  } catch {
    return false;
  }
}

/** The stack's own token, which pulumi decrypts where it can; else that of the environment. It is never printed. */
async function tokenOf(
  stack: string,
  { directories, environment, signal }: ExamineContext,
): Promise<GitHubToken | undefined> {
  const program = findProgram("pulumi", environment);
  if (program !== undefined) {
    const { code, stdout } = await runBounded({
      program,
      args: ["config", "get", "neko-trust:githubToken", "--stack", stack, "--non-interactive"],
      environment: { ...environment, PULUMI_SKIP_UPDATE_CHECK: "true" },
      folder: directories.checkout,
      maxOutputBytes: 64 * 1024,
      signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]),
    }).catch(() => ({ code: -1, stdout: Buffer.alloc(0) }));
    const token = stdout.toString("utf8").trim();
    if (code === 0 && token !== "") return { token, from: "the stack's configuration" };
  }
  const token = gitHubToken(environment);
  return token === undefined ? undefined : { token, from: "the environment" };
}
