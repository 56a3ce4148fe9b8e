/** What the command line calls of the lab. */
export { labDown } from "./down.ts";
export { labEnvironment } from "./environment.ts";
export { labPreview } from "./preview.ts";
export { labStatus } from "./status.ts";
export { labUp } from "./up.ts";
