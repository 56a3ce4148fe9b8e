import { Failure } from "../../src/core/failure.ts";
import { startSigstore } from "./server.ts";

/**
 * The lab's Sigstore as a process of its own: `node lab/sigstore/serve.ts <state directory> <port or 0>`. Prints
 * nothing unless it fails; `<state>/sigstore.json` says where it listens, and /healthz there that it is ready.
 */
const [stateDirectory, port = "0", ...more] = process.argv.slice(2);

try {
  if (stateDirectory === undefined || more.length > 0 || !/^[0-9]{1,5}$/.test(port)) {
    throw new Failure({
      code: "USAGE",
      kind: "usage",
      message: "The lab's Sigstore takes a state directory and a port.",
      remedy: "Call it as: node lab/sigstore/serve.ts <state directory> <port, 0 for any>",
    });
  }
  const server = await startSigstore({ stateDirectory, port: Number(port) });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      void server.stop().then(() => process.exit(0));
    });
  }
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`${error.message}\n${error.remedy}\n`);
  process.exitCode = error.kind === "usage" ? 2 : 3;
}
