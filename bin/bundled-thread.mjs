// A thread of a bundled command: as its source would be, from the same bundle as the command that starts it.
import { getEnvironmentData } from "node:worker_threads";
import { loadBundle, threadKey } from "./bundle.mjs";

const { checkout, path, thread } = getEnvironmentData(threadKey);
await loadBundle(checkout, path, thread.replaceAll("/", "-")).threads[thread]();
