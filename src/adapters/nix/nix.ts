import { z } from "zod";
import { Failure, reasonOf } from "../../core/failure.ts";
import { describeJsonProblem, parseStrictJson } from "../../core/json/strict-json.ts";
import { parsePathInfo } from "../../core/nix/path-info.ts";
import type { PathInfo } from "../../core/nix/path-info.ts";
import { parseStorePath } from "../../core/nix/store-path.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { nixFailed, runNix } from "./run-nix.ts";
import type { NixSettings } from "./run-nix.ts";

/** What is built: a flake's output, or an attribute of a file. */
export type Installable =
  | { readonly kind: "flake"; readonly reference: string }
  | { readonly kind: "file"; readonly file: string; readonly attribute: string | undefined };

export interface NixConfig {
  /** Whether builds are kept from the machine; `relaxed` lets derivations ask not to be. */
  readonly sandbox: "on" | "off" | "relaxed";
  /** Whether builds go without a sandbox where the kernel has none. */
  readonly sandboxFallback: boolean;
  /** `x86_64-linux`. */
  readonly system: string;
  readonly substituters: readonly string[];
  /** The store in use, as `--store` takes it. */
  readonly store: string;
}

export interface NixBuild {
  /** The `.drv`. */
  readonly derivation: string;
  /** Store paths by output name, `out` among them. */
  readonly outputs: ReadonlyMap<string, string>;
}

export interface BuildOptions {
  /** Builds again what is there and compares; what differs is kept beside it as `<output>.check`. */
  readonly again?: boolean;
}

/** The real Nix, 2.8 or newer. Every call can throw NIX_MISSING, NIX_BROKEN, NIX_SETTING_IGNORED and NIX_FAILED. */
export interface Nix {
  /** `2.8.0`. */
  version(): Promise<string>;
  /** The settings in force, those given here included. */
  config(): Promise<NixConfig>;
  /** Builds, and leaves no link. Throws NIX_BUILD_FAILED, and NIX_NOT_DETERMINISTIC with `again`. */
  build(installable: Installable, options?: BuildOptions): Promise<NixBuild>;
  /**
   * Names in a set that an installable has as an attribute, for example its `parts`, in order; none where it has no such
   * attribute. Throws NIX_EVALUATION_FAILED.
   */
  attributeNames(installable: Installable, attribute: string): Promise<string[]>;
  /** A text that an installable has as an attribute. Throws NIX_EVALUATION_FAILED. */
  text(installable: Installable, attribute: string): Promise<string>;
  /** What the store knows of paths, of all that they need with `recursive`. Throws as `parsePathInfo`. */
  pathInfo(paths: readonly string[], options?: { readonly recursive?: boolean }): Promise<PathInfo[]>;
  /** All that the store has of what a derivation was built from: sources, derivations and outputs. */
  buildClosure(derivation: string): Promise<string[]>;
  /** A copy of this Nix with other settings. */
  with(changes: Partial<NixSettings>): Nix;
  readonly settings: NixSettings;
}

export function createNix(settings: NixSettings): Nix {
  const run = async (what: string, args: readonly string[]): Promise<Buffer> => {
    const result = await runNix(settings, "nix", args);
    if (result.code !== 0) throw nixFailed(what, result);
    return result.stdout;
  };
  /** From 2.33 on the shape has to be named; before, the option is unknown. */
  const versioned = async (): Promise<string[]> => ((await atLeast(2, 33)) ? ["--json-format", "2"] : []);
  let known: Promise<string> | undefined;
  const version = (): Promise<string> => (known ??= readVersion());
  const readVersion = async (): Promise<string> => {
    // A chroot store or an option must not fail what only asks for the version.
    const { stdout } = await runNix({ ...settings, store: undefined, options: [] }, "nix", ["--version"]);
    const found = /\b(\d+\.\d+(?:\.\d+)?[A-Za-z0-9._+-]*)\s*$/.exec(stdout.toString().trim())?.[1];
    if (found !== undefined) return found;
    throw unreadable("nix --version", stdout.toString().slice(0, 100));
  };
  const atLeast = async (major: number, minor: number): Promise<boolean> => {
    const [ownMajor = 0, ownMinor = 0] = (await version()).split(".").map((part) => Number.parseInt(part, 10));
    return ownMajor > major || (ownMajor === major && ownMinor >= minor);
  };
  const evaluated = async (installable: Installable, apply: string): Promise<unknown> => {
    const name = nameOf(installable);
    const result = await runNix(settings, "nix", ["eval", "--json", "--apply", apply, ...argumentsOf(installable)]);
    if (result.code !== 0) throw nixFailed(`${name} can't be evaluated`, result, "NIX_EVALUATION_FAILED");
    return readJson(`nix eval ${name}`, result.stdout);
  };
  return {
    settings,
    version,
    async config() {
      // `nix show-config` became `nix config show` in 2.20 (rl-2.20.md).
      const command = (await atLeast(2, 20)) ? ["config", "show", "--json"] : ["show-config", "--json"];
      const stdout = await run("Nix's settings can't be read", command);
      return configOf(readSettings(stdout));
    },
    async build(installable, { again = false } = {}) {
      const result = await runNix(settings, "nix", [
        "build",
        "--no-link",
        "--json",
        "--print-build-logs",
        ...(again ? ["--rebuild", "--keep-failed"] : []),
        ...argumentsOf(installable),
      ]);
      const name = nameOf(installable);
      if (result.code !== 0) {
        const differs = again && result.lastLines.some((line) => line.includes("may not be deterministic"));
        throw differs
          ? nixFailed(`${name} differs when it is built again`, result, "NIX_NOT_DETERMINISTIC")
          : nixFailed(`${name} can't be built`, result, "NIX_BUILD_FAILED");
      }
      return buildOf(name, readJson(`nix build ${name}`, result.stdout));
    },
    async attributeNames(installable, attribute) {
      const apply = `value: builtins.attrNames (value.${attribute} or { })`;
      const parsed = safeParse(z.array(z.string()), await evaluated(installable, apply));
      if (!parsed.success) throw unreadable(`nix eval ${nameOf(installable)}`, "it is no list of names");
      return parsed.data;
    },
    async text(installable, attribute) {
      const parsed = safeParse(z.string(), await evaluated(installable, `value: value.${attribute}`));
      if (!parsed.success) throw unreadable(`nix eval ${nameOf(installable)}`, `its ${attribute} is no text`);
      return parsed.data;
    },
    async pathInfo(paths, { recursive = false } = {}) {
      const args = ["path-info", "--json", ...(await versioned()), ...(recursive ? ["--recursive"] : [])];
      const infos: PathInfo[] = [];
      // A call's arguments are limited (execve(2): 128 KiB each, 2 MiB together).
      for (let at = 0; at < paths.length; at += pathsPerCall) {
        const some = paths.slice(at, at + pathsPerCall).map((path) => parseStorePath(path).path);
        infos.push(...parsePathInfo(await run(`The store does not know ${some[0] ?? ""}`, [...args, ...some])));
      }
      return [...new Map(infos.map((info) => [info.path, info])).values()];
    },
    async buildClosure(derivation) {
      const args = ["--query", "--requisites", "--include-outputs", parseStorePath(derivation).path];
      const result = await runNix(settings, "nix-store", args);
      if (result.code !== 0) throw nixFailed(`What ${derivation} was built from can't be listed`, result);
      const lines = result.stdout.toString().split("\n");
      return lines.filter((line) => line !== "").map((line) => parseStorePath(line).path);
    },
    with: (changes) => createNix({ ...settings, ...changes }),
  };
}

const pathsPerCall = 5000;

function argumentsOf(installable: Installable): string[] {
  if (installable.kind === "flake") {
    // Whatever the flake's own nixConfig wants (another cache, say) is not asked for; nor is its lock file changed.
    return ["--no-update-lock-file", "--option", "accept-flake-config", "false", installable.reference];
  }
  const { file, attribute } = installable;
  return ["--file", file, ...(attribute === undefined ? [] : [attribute])];
}

export function nameOf(installable: Installable): string {
  if (installable.kind === "flake") return installable.reference;
  const { file, attribute } = installable;
  return attribute === undefined ? file : `${attribute} of ${file}`;
}

function readJson(what: string, bytes: Uint8Array): unknown {
  const json = parseStrictJson(bytes);
  if (json.ok) return json.value;
  throw unreadable(what, describeJsonProblem(json.problem));
}

/** Some settings are numbers that only C++ holds exactly; none of those is used. */
function readSettings(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw unreadable("nix's settings", reasonOf(error));
  }
}

const setting = z.looseObject({ value: z.unknown() });
const configSchema = z.looseObject({
  sandbox: setting.extend({ value: z.union([z.boolean(), z.enum(["true", "false", "relaxed"])]) }),
  "sandbox-fallback": setting.extend({ value: z.boolean() }),
  system: setting.extend({ value: z.string() }),
  substituters: setting.extend({ value: z.array(z.string()) }),
  store: setting.extend({ value: z.string() }),
});

function configOf(document: unknown): NixConfig {
  const parsed = safeParse(configSchema, document);
  if (!parsed.success) throw unreadable("nix's settings", parsed.error.issues[0]?.message ?? "another shape");
  const { sandbox, system, substituters, store } = parsed.data;
  const text = String(sandbox.value);
  return {
    sandbox: text === "true" ? "on" : text === "relaxed" ? "relaxed" : "off",
    sandboxFallback: parsed.data["sandbox-fallback"].value,
    system: system.value,
    substituters: substituters.value,
    store: store.value,
  };
}

const buildSchema = z
  .array(z.looseObject({ drvPath: z.string(), outputs: z.record(z.string(), z.string()) }))
  .length(1, "must be one derivation");

function buildOf(name: string, document: unknown): NixBuild {
  const parsed = safeParse(buildSchema, document);
  const [built] = parsed.success ? parsed.data : [];
  if (built === undefined) throw unreadable(`nix build ${name}`, "it is not one derivation with its outputs");
  const outputs = new Map(
    Object.entries(built.outputs).map(([output, path]) => [output, parseStorePath(path).path] as const),
  );
  return { derivation: parseStorePath(built.drvPath).path, outputs };
}

function unreadable(what: string, found: string): Failure {
  return new Failure({
    code: "NIX_ANSWER_UNREADABLE",
    kind: "unavailable",
    message: `What Nix answers can't be read (${what}): ${found}.`,
    remedy: "Use Nix 2.8 or newer; report this with the version that `nix --version` prints.",
  });
}
