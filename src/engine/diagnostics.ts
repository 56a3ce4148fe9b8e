/** The engine's colour directives: `<{%fg 1%}>`, `<{%reset%}>`. */
const colour = /<\{%[^%]*%\}>/g;
/** Terminal colours: sequences that start with the escape character. */
const terminal = /\u001b\[[0-9;]*m/g;
/** A frame of a JavaScript stack. */
const frame = /^\s+at .*(:\d+:\d+\)?|<anonymous>\)?|\(native\))$/;

/** An engine's message for people: no colour codes, no stack frames, no blank ends. */
export function plainText(message: string): string {
  const lines = message.replace(colour, "").replace(terminal, "").split("\n");
  return lines
    .filter((line) => !frame.test(line))
    .join("\n")
    .trim();
}

/** The `error: …` lines of what the engine printed, for faults that it does not report as an event (no project, wrong passphrase). */
export function errorLines(stderr: string): string[] {
  return plainText(stderr)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("warning:"))
    .map((line) => line.replace(/^error: /, ""));
}
