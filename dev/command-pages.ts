import type { Command } from "commander";
import { createProgram } from "../src/cli/program.ts";
import { notice, table } from "./reference-pages.ts";

/** One page per command, made from what the program itself registers, so that no page can tell of another option. */

/** A command that does something, with the words that call it. */
interface Runnable {
  /** `release set` */
  readonly name: string;
  readonly command: Command;
}

function runnables(command: Command, path: readonly string[] = []): Runnable[] {
  return command.commands.flatMap((child): Runnable[] => {
    const own = [...path, child.name()];
    return child.commands.length > 0 ? runnables(child, own) : [{ name: own.join(" "), command: child }];
  });
}

/** What `addHelpText("after", …)` adds: the library tells it only to whom it prints. */
function textAfterHelp(command: Command): string {
  let printed = "";
  const width = { getOutHelpWidth: () => 100, getOutHasColors: () => false };
  command.configureOutput({ ...width, writeOut: (text) => (printed += text) });
  command.outputHelp();
  return printed.slice(command.helpInformation().length).trim();
}

function page({ name, command }: Runnable): string {
  const words = (rows: readonly (readonly string[])[], header: readonly string[]): string[] =>
    rows.length === 0 ? [] : ["", table(header, rows)];
  const after = textAfterHelp(command);
  return [
    notice,
    "",
    `# neko-trust ${name}`,
    "",
    `${command.summary().charAt(0).toUpperCase()}${command.summary().slice(1)}.`,
    "",
    ...(command.description() === "" ? [] : [command.description(), ""]),
    "```text",
    `neko-trust ${name} ${command.usage()}`,
    "```",
    ...words(
      command.registeredArguments.map((argument) => {
        const label = argument.variadic ? `${argument.name()}…` : argument.name();
        return [`\`${label}\``, argument.required ? "yes" : "no", argument.description];
      }),
      ["Argument", "Needed", "What it is"],
    ),
    ...words(
      command.options.map((option) => {
        const fallback: unknown = option.defaultValue;
        const shown = typeof fallback === "string" || typeof fallback === "number" ? ` (${fallback} unless given)` : "";
        return [`\`${option.flags}\``, `${option.description}${shown}`];
      }),
      ["Option", "What it does"],
    ),
    ...(after === "" ? [] : ["", "```text", after, "```"]),
    "",
    "Exit codes are [the same for every command](../exit-codes.md).",
    "",
  ].join("\n");
}

const nothing = (): void => undefined;

/** docs/commands/<name>.md for every command, and README.md that lists them. */
export function commandPages(): readonly { readonly path: string; readonly content: () => string }[] {
  const program = createProgram(() => Promise.resolve(), { writeOut: nothing, writeHelp: nothing });
  const all = runnables(program);
  const file = (name: string): string => `${name.replaceAll(" ", "-")}.md`;
  const rows = all.map(({ name, command }) => [`[\`${name}\`](${file(name)})`, command.summary()]);
  const index = `${notice}\n\n# Commands, one page each\n\n${table(["Command", "What it does"], rows)}\n`;
  return [
    { path: "docs/commands/README.md", content: () => index },
    ...all.map((runnable) => ({ path: `docs/commands/${file(runnable.name)}`, content: () => page(runnable) })),
  ];
}
