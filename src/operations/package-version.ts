import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The version of this package, from its package.json: in the checkout, or beside `dist/` where it is installed. */
export function packageVersion(checkout: string): string {
  for (const folder of [checkout, dirname(checkout)]) {
    const found = readPackage(join(folder, "package.json"));
    if (found?.["name"] === "neko-trust" && typeof found["version"] === "string") return found["version"];
  }
  throw new Error("package.json is missing");
}

function readPackage(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof parsed === "object" && parsed !== null ? (parsed as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}
