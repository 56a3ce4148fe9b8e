// `node --import bench/programs/peak-memory.mjs …` tells the most memory that the process ever had, as its last line.
import { writeSync } from "node:fs";

process.on("exit", () => {
  writeSync(2, `\npeak ${process.resourceUsage().maxRSS} KiB\n`);
});
