import { createNix } from "../../operations/open-nix.ts";
import type { Installable, Nix, NixOption } from "../../operations/open-nix.ts";
import { Failure } from "../../core/failure.ts";
import { legible } from "../../core/legible.ts";
import type { CommandContext } from "../context.ts";

/** `name=value` as one of Nix's settings. Throws NIX_OPTION_INVALID. */
export function nixOption(text: string): NixOption {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0));
  if (/^[a-z][a-z0-9-]*$/.test(name)) return { name, value: text.slice(equals + 1) };
  throw new Failure({
    code: "NIX_OPTION_INVALID",
    kind: "usage",
    message: `--option ${JSON.stringify(text)} is no setting of Nix.`,
    remedy: "Write --option NAME=VALUE, for example --option sandbox=true; nix.conf(5) lists them.",
  });
}

/** Nix with the process's environment and the settings given; what it says goes to the progress. */
export function nixOf(
  options: { readonly option: readonly string[]; readonly store?: string | undefined },
  context: CommandContext,
): Nix {
  return createNix({
    environment: context.environment,
    signal: context.signal,
    store: options.store,
    options: options.option.map(nixOption),
    onLine: (line) => {
      context.progress(`  nix: ${legible(line)}`);
    },
  });
}

/** What to build: attributes of a file, or a flake's outputs. Throws INSTALLABLE_INVALID. */
export function installableOf(text: string | undefined, file: string | undefined, fallback: string): Installable {
  // Nix would take it for an option.
  const named = [text, file].find((part) => part?.startsWith("-") === true || part === "");
  if (named !== undefined) {
    throw new Failure({
      code: "INSTALLABLE_INVALID",
      kind: "usage",
      message: `${JSON.stringify(named)} is nothing that Nix can build.`,
      remedy: "Name a flake's output, for example .#image, or a file with --file and an attribute of it.",
    });
  }
  if (file !== undefined) return { kind: "file", file, attribute: text };
  return { kind: "flake", reference: text ?? fallback };
}
