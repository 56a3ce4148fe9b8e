import { readFile, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The URL of a file backend. `metadata=skip`: without it the backend writes a sidecar (`.attrs`) beside each file, and
 * not atomically (gocloud.dev/blob/fileblob: setAttrs); an engine killed in that instant leaves an empty sidecar, and
 * the state beside it can't be read any more ("failed to load checkpoint: EOF").
 */
export function fileBackendUrl(folder: string): string {
  return `${pathToFileURL(folder).href}?metadata=skip`;
}

/** The folder of a file backend's URL, or undefined for a backend of another kind. */
export function fileBackendFolder(url: string): string | undefined {
  return url.startsWith("file:///") ? fileURLToPath(url.split("?")[0] ?? url) : undefined;
}

/** Where the file backend keeps the locks of a stack: one file per holder. */
export function lockFolder(backend: string, project: string, stack: string): string {
  return join(backend, ".pulumi", "locks", "organization", project, stack);
}

/** After this time nobody is still writing a temporary file. */
const leftoverMilliseconds = 60_000;

/**
 * Removes what a killed engine left half-written beside the state of a stack: sidecars that can't be read (the backend
 * does without them), and temporary files that were never renamed. The state itself is always whole.
 */
export async function mendBackend(backend: string, project: string, stack: string): Promise<void> {
  const root = join(backend, ".pulumi");
  const states = join(root, "stacks", project);
  const names = (await readdir(states).catch(() => [])).filter((name) => name.startsWith(`${stack}.json`));
  const files = [join(root, "meta.yaml.attrs"), ...names.map((name) => join(states, name))];
  for (const file of files) {
    if (file.endsWith(".attrs") && !(await isJson(file))) await rm(file, { force: true });
    if (file.endsWith(".tmp") && (await isOld(file))) await rm(file, { force: true });
  }
}

async function isJson(file: string): Promise<boolean> {
  try {
    JSON.parse(await readFile(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}

async function isOld(file: string): Promise<boolean> {
  const written = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  );
  return Date.now() - written > leftoverMilliseconds;
}
