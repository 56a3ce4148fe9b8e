// What Pulumi runs. Plain JavaScript, so that a Node too old to run TypeScript is told so in words.
import { isNodeNewEnough, nodeTooOld } from "./bin/node-version.mjs";

if (!isNodeNewEnough()) {
  console.error(nodeTooOld("The Pulumi program"));
  process.exit(1);
}

const { default: program } = await import("./index.ts");

export default program;
