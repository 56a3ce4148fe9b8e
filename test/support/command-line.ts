import { Writable } from "node:stream";
import { execute } from "../../src/cli/main.ts";
import type { Surroundings } from "../../src/cli/main.ts";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, with streams and an environment of its own. */
export async function runInProcess(
  args: readonly string[],
  surroundings: Partial<Pick<Surroundings, "environment" | "commands">> = {},
): Promise<CommandResult> {
  const stdout = collector();
  const stderr = collector();
  const environment = surroundings.environment ?? {};
  const code = await execute(args, { ...surroundings, environment, stdout: stdout.stream, stderr: stderr.stream });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function collector(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}
