// Plain JavaScript, loaded by a Node that is new enough. It is part of every start, so it has to be cheap itself.
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { privateFolder } from "./private-folder.mjs";

const require = createRequire(import.meta.url);
const { readFileSync, renameSync, statSync, writeFileSync } = require("node:fs");

/**
 * The commands that people run most, as one file that starts in a third of the time that the sources need. It is made by
 * dev/build-bundle.ts, and used only while every file that it was made of is untouched: code that somebody has changed
 * since is never answered from it. Without it, or when anything about it is odd, the sources are run.
 */

/** Where this checkout's bundle lies: a folder that nobody else can write to, or undefined. */
export function bundleFolder(checkout, environment = process.env) {
  const id = require("node:crypto").createHash("sha256").update(checkout).digest("hex").slice(0, 16);
  return privateFolder(["bundle", id], environment);
}

/**
 * What tells whether a file is still the one that was bundled. Whatever is written to a file changes its time of change
 * (ctime), which no program can set; a file that takes its place has another number.
 */
export function stampOf(path) {
  const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** The record of a bundle whose sources are untouched, or undefined. */
export function freshRecord(checkout, folder) {
  try {
    const record = JSON.parse(readFileSync(join(folder, "record.json"), "utf8"));
    if (record.schema !== 1 || record.checkout !== checkout) return undefined;
    return record.inputs.every(([path, stamp]) => stampOf(path) === stamp) ? record : undefined;
  } catch {
    return undefined;
  }
}

/** `run` of src/cli/main.ts, from the bundle when that has the command and is fresh; else undefined. */
export function bundledRun(checkout, command, environment = process.env) {
  const folder = bundleFolder(checkout, environment);
  const record = folder === undefined ? undefined : freshRecord(checkout, folder);
  if (record === undefined || !record.commands.includes(command)) return undefined;
  try {
    return loadBundle(checkout, join(folder, `${record.digest}.cjs`), command).run;
  } catch {
    return undefined;
  }
}

/** Under which bin/bundled-thread.mjs finds what it has to load. */
export const threadKey = "neko-trust bundled thread";

/** What the bundle at a path exports. `use` tells the compiled forms apart that are kept: a command, or a thread's name. */
export function loadBundle(checkout, path, use) {
  const { Script } = require("node:vm");
  const text = readFileSync(path, "latin1"); // it is ASCII: dev/build-bundle.ts sees to that
  const cache = `${path}.${process.version}-${process.arch}-${use}`;
  const cachedData = readIfThere(cache);
  const script = new Script(text, { filename: path, cachedData });
  const kept = cachedData === undefined || script.cachedDataRejected ? keepCompiled(script, cache) : undefined;
  const exported = {};
  /** `import.meta` of a source. */
  const source = (name) => {
    const filename = join(checkout, name);
    const dirname = join(filename, "..");
    return {
      url: pathToFileURL(filename).href,
      filename,
      dirname,
      resolve: (specifier) => {
        const thread = relative(checkout, join(dirname, specifier));
        if (!Object.hasOwn(exported.threads, thread)) return pathToFileURL(join(dirname, specifier)).href;
        // The work is done elsewhere: what was compiled here is not what this command needs when it works alone.
        kept?.forget();
        require("node:worker_threads").setEnvironmentData(threadKey, { checkout, path, thread });
        return new URL("bundled-thread.mjs", import.meta.url).href;
      },
    };
  };
  script.runInThisContext()(exported, createRequire(path), source);
  return exported;
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Keeps the compiled form for the next start, once the command has done its work: then it holds every function that the
 * command needs. V8 would take the compiled form of any other text of the same length: the file's name has the digest.
 */
function keepCompiled(script, path) {
  let wanted = true;
  process.once("exit", (code) => {
    if (!wanted || (code !== 0 && code !== 1)) return;
    try {
      const fresh = `${path}.${process.pid}.new`;
      writeFileSync(fresh, script.createCachedData(), { mode: 0o600, flag: "wx" });
      renameSync(fresh, path);
    } catch {
      // The next start does without, or tries again.
    }
  });
  return {
    forget: () => {
      wanted = false;
    },
  };
}
