// `node --import bench/programs/peak-memory.mjs …` tells the most memory that the process ever had, as its last line.
import { readFileSync, writeSync } from "node:fs";

process.on("exit", () => {
  // Not resourceUsage().maxRSS: a child begins with what its parent had.
  const peak = /^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  writeSync(2, `\npeak ${peak} KiB\n`);
});
