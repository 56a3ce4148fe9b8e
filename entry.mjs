// What Pulumi runs. Plain JavaScript, so that a Node too old to run TypeScript is told so in words.
import { isNodeNewEnough, nodeTooOld } from "./bin/node-version.mjs";

if (!isNodeNewEnough()) {
  const [message, remedy] = nodeTooOld("The Pulumi program");
  console.error(`error: ${message}\nto do: ${remedy}\n(code NODE_TOO_OLD)`);
  process.exit(1);
}

const { RunError } = await import("@pulumi/pulumi/errors.js");
const { default: program } = await import("./index.ts");
const { errorLines, errorReport } = await import("./src/cli/outcome.ts");
const { Failure } = await import("./src/core/failure.ts");

/** index.ts, with what it throws on purpose in words: the engine's host shows a stack trace for all but RunError. */
export default async function main() {
  try {
    return await program();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new RunError(errorLines(errorReport(error)).join("\n"));
  }
}
