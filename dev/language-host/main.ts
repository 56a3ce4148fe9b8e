import { join } from "node:path";
import { startLanguageHost } from "./serve.ts";

/**
 * `pulumi-language-nodejs` as a program. By the protocol of Pulumi's plugins the engine's address is the last argument, the
 * port that is served is the first line of standard output, and what follows there is shown to the user.
 */

const engine = process.argv.at(-1) ?? "";
if (process.argv.length < 3 || !/^[\w.-]+:\d+$/.test(engine)) {
  console.error("error: pulumi starts this program; it is of no use alone.\nto do: pulumi preview");
  process.exit(2);
}

const host = await startLanguageHost({
  engine,
  sdk: join(import.meta.dirname, "..", "..", "node_modules", "@pulumi", "pulumi"),
  node: process.execPath,
  environment: process.env,
  onOutput: (stream, text) => {
    process[stream].write(text);
  },
});
console.log(host.port);

const end = (): void => {
  host.stop();
  process.exit(0);
};
process.once("SIGTERM", end);
// An engine that was killed says no word, and leaves its plugins to another parent.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) end();
}, 1_000);
