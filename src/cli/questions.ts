import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

/** Somebody who can be asked. */
export interface Questions {
  /** The answer, without blanks around it; empty where nothing was typed. `hidden`: what is typed is not shown. */
  ask(text: string, options?: { readonly hidden?: boolean }): Promise<string>;
  close(): void;
}

/** Asks on the terminal; undefined where there is none. Questions go to standard error: standard output is the result's. */
export function terminalQuestions(signal: AbortSignal): Questions | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  let hidden = false;
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (!hidden) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  return {
    ask: async (text, options = {}) => {
      if (options.hidden !== true) return (await terminal.question(text, { signal })).trim();
      process.stderr.write(text);
      hidden = true;
      try {
        return (await terminal.question("", { signal })).trim();
      } finally {
        hidden = false;
        process.stderr.write("\n");
      }
    },
    close: () => {
      terminal.close();
    },
  };
}
