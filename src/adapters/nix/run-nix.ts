import { Failure, reasonOf } from "../../core/failure.ts";
import { runBounded } from "../processes/run-bounded.ts";
import type { BoundedResult } from "../processes/run-bounded.ts";

/** How Nix is called, for all of its commands. */
export interface NixSettings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
  /** A store other than the default one, as `--store` takes it. */
  readonly store?: string | undefined;
  /** Nix's own settings, as `--option NAME VALUE` takes them; a later one wins. */
  readonly options?: readonly NixOption[];
  /** Each line that Nix tells while it works. */
  readonly onLine?: (line: string) => void;
}

export interface NixOption {
  readonly name: string;
  readonly value: string;
}

/** A closure's path-info is some ten MiB; nothing that is asked here is larger. */
const maxOutputBytes = 128 * 1024 * 1024;

export type NixProgram = "nix" | "nix-store";

/** Runs Nix and returns how it ended. Throws NIX_MISSING, NIX_BROKEN, NIX_SETTING_IGNORED and the signal's reason. */
export async function runNix(
  settings: NixSettings,
  program: NixProgram,
  args: readonly string[],
): Promise<BoundedResult> {
  const ignored = new Set<string>();
  const command = program === "nix" ? [...features, ...args] : args;
  let result: BoundedResult;
  try {
    result = await runBounded({
      program,
      args: [...command, ...settingsOf(settings)],
      environment: settings.environment,
      signal: settings.signal,
      maxOutputBytes,
      onLine: (line) => {
        const name = ignoredSetting.exec(line)?.[1];
        if (name !== undefined) ignored.add(name);
        settings.onLine?.(line);
      },
    });
  } catch (error) {
    if (settings.signal?.aborted === true) throw error;
    throw notStarted(program, error);
  }
  const refused = (settings.options ?? []).filter(({ name }) => ignored.has(name));
  if (refused.length > 0) throw settingIgnored(refused.map(({ name }) => name));
  if (result.overflowed) throw nixFailed(`${program} wrote more than ${maxOutputBytes} bytes`, result);
  return result;
}

/** Nix 2.4 to 2.36 call them experimental; passed with each call, so that nobody's nix.conf decides. */
const features = ["--extra-experimental-features", "nix-command flakes"] as const;

/** What a daemon says when a user that it does not trust sets something. */
const ignoredSetting = /ignoring the [a-z -]*setting '([^']+)'/;

function settingsOf({ store, options = [] }: NixSettings): string[] {
  return [
    ...(store === undefined ? [] : ["--store", store]),
    ...options.flatMap(({ name, value }) => ["--option", name, value]),
  ];
}

/** A command of Nix that did not do what it was told; the last lines of its log are quoted. */
export function nixFailed(what: string, result: BoundedResult, code = "NIX_FAILED"): Failure {
  return new Failure({
    code,
    kind: "unavailable",
    message: `${what}${result.code === 0 ? "" : ` (nix ended with ${result.code ?? "a signal"})`}.`,
    remedy: "Read what Nix says above, mend it, then try again.",
    details: result.lastLines,
  });
}

function notStarted(program: string, error: unknown): Failure {
  const absent = error instanceof Error && "code" in error && error.code === "ENOENT";
  return new Failure(
    {
      code: absent ? "NIX_MISSING" : "NIX_BROKEN",
      kind: "unavailable",
      message: absent ? `There is no ${program} on PATH.` : `${program} can't be started: ${reasonOf(error)}.`,
      remedy: "Install Nix (https://nixos.org/download; on Debian the package nix-bin) and put it on PATH.",
    },
    { cause: error },
  );
}

function settingIgnored(names: readonly string[]): Failure {
  return new Failure({
    code: "NIX_SETTING_IGNORED",
    kind: "usage",
    message: `Nix's daemon ignores what was set here: ${names.join(", ")}. What it would do instead is not known.`,
    remedy: "Set it in the daemon's nix.conf, or run as one of its trusted-users.",
  });
}
