import { createHash } from "node:crypto";
import { readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { build } from "esbuild";
import type { BuildResult, Plugin } from "esbuild";
import { writeWhole } from "../src/adapters/files/write-whole.ts";

/**
 * Makes the bundle that bin/bundle.mjs describes: src/cli/main.ts with the actions of the commands that are run most, as
 * one file. Called by dev/setup.sh. Does nothing when the bundle is there and its sources are untouched.
 */

const checkout = realpathSync(resolve(import.meta.dirname, ".."));
/** Commands whose actions are in the bundle: none that loads the program, the lab or the engine. */
export const bundledCommands = ["verify-image"] as const;

/** What those commands start as threads: modules that do their work when they are loaded. */
const threads = ["src/operations/verify-thread.ts"] as const;

const entry = [
  `export { run } from "./src/cli/main.ts";`,
  `export const threads = { ${threads.map((path) => `"${path}": () => import("./${path}")`).join(", ")} };`,
].join("\n");

/** Plain JavaScript without types, as it is part of every start. */
interface BundleModule {
  readonly bundleFolder: (checkout: string, environment: Environment) => string | undefined;
  readonly freshRecord: (checkout: string, folder: string) => BundleRecord | undefined;
  readonly stampOf: (path: string) => string;
}
type Environment = Readonly<Record<string, string | undefined>>;

interface BundleRecord {
  readonly schema: 1;
  readonly checkout: string;
  readonly commands: readonly string[];
  /** SHA-256 of the bundle, 64 lower-case hex digits. */
  readonly digest: string;
  /** Absolute paths of all that the bundle was made of, with their stamps. */
  readonly inputs: readonly (readonly [string, string])[];
}

const { bundleFolder, freshRecord, stampOf } = (await import(join(checkout, "bin", "bundle.mjs"))) as BundleModule;

/** What must never get into the bundle: it would exist twice in one process, or make starting slow. */
const kept = /^(lab|index\.ts)(\/|$)|(^|\/)node_modules\/(@pulumi|@kubernetes|@grpc)\//;

/**
 * Before zod is loaded: it makes no code for schemas. Nothing here uses such code (src/core/safe-parse.ts), but zod would
 * find out for the first schema whether it may, which loads `navigator`.
 */
const zodSettings = "globalThis.__zod_globalConfig??={jitless:true};";

/** Files in a coarse clock's tick could change again without a change of their stamps. */
const clockTickMilliseconds = 20;

const oldMilliseconds = 24 * 60 * 60 * 1000;

/** Our own sources: what they say of their place must stay true, and only the bundled commands bring their actions. */
const sources: Plugin = {
  name: "sources",
  setup: (builder) => {
    builder.onResolve({ filter: /\.ts$/ }, ({ kind, importer, path }) => {
      const command = /^src\/cli\/commands\/(.+)\.ts$/.exec(relative(checkout, importer))?.[1];
      const left = kind === "dynamic-import" && command !== undefined && !isBundled(command);
      return left ? { path, external: true } : undefined;
    });
    builder.onLoad({ filter: /\.ts$/, namespace: "file" }, async ({ path }) => {
      const own = relative(checkout, path);
      if (own.startsWith("..") || own.includes("node_modules")) return undefined;
      const text = await readFile(path, "utf8");
      const contents = text
        .replaceAll("import.meta.", `__source(${JSON.stringify(own)}).`)
        // As a namespace, so that of zod only what is used is kept: its 50 languages are most of it.
        .replaceAll('import { z } from "zod";', 'import * as z from "zod";')
        // One function each, instead of all that there are.
        .replaceAll(/import \{ (\w+) \} from "semver";/g, 'import $1 from "semver/functions/$1.js";');
      return { contents, loader: "ts" };
    });
    // It sets the language of messages, which nothing that is imported says.
    builder.onResolve({ filter: /^\.\/external\.js$/ }, ({ importer, path }) =>
      /\/zod\/v4\/classic\/index\.js$|\/zod\/index\.js$/.test(importer)
        ? { path: join(dirname(importer), path), sideEffects: true }
        : undefined,
    );
    builder.onResolve({ filter: /^(node:|@noble\/|yaml$|\.\.?\/.*\.ts$)/ }, ({ path, importer, namespace }) => {
      if (namespace === "lazy" || importer.includes("/node_modules/")) return undefined;
      const from = dirname(importer);
      const isOwn = path.startsWith(".");
      // The same file for all who import it, whatever their path to it.
      const name = isOwn ? relative(checkout, join(from, path)) : path;
      if (!Object.hasOwn(lazyNames, name)) return undefined;
      return { path: name, namespace: "lazy", pluginData: { from: isOwn ? checkout : from } };
    });
    builder.onLoad({ filter: /.*/, namespace: "lazy" }, ({ path, pluginData }) => {
      const { from } = pluginData as { readonly from: string };
      return { contents: lazyModule(path), resolveDir: from };
    });
  },
};

/**
 * What is loaded when it is first used, as most calls of a command need none of it: credential helpers, message
 * signatures, policies that are YAML, stacks, rebuilds. By module, the names that are used of it; importing another one
 * fails the build. Only what is called, constructed, or asked for its members can be named, no text and no list.
 */
const lazyNames: Readonly<Record<string, readonly string[]>> = {
  "node:child_process": ["execFile", "execFileSync", "spawn", "spawnSync"],
  "node:timers/promises": ["setTimeout"],
  "@noble/curves/abstract/edwards.js": ["eddsa"],
  "@noble/curves/ed25519.js": ["ed25519"],
  "@noble/curves/nist.js": ["p256", "p384", "p521"],
  yaml: ["LineCounter", "parseDocument"],
  "src/adapters/registry/attach.ts": ["attach", "pushReferrer"],
  "src/adapters/registry/credential-helper.ts": ["askCredentialHelper"],
  "src/adapters/registry/push.ts": ["pushBlob", "pushManifest"],
  "src/config/read-config.ts": ["readYamlConfig"],
  "src/core/intoto/rebuild-predicate.ts": ["rebuildFacts", "rebuildPredicateSchema", "rebuiltMeasurementsInWords"],
  "src/core/oci/legacy-signature-manifest.ts": ["legacySignatureTag", "parseLegacySignatureManifest"],
  "src/core/sigstore/legacy-signature.ts": ["legacySignatureBundle", "legacySignatureSubject"],
  "src/operations/write-verification-summaries.ts": ["assertSummariesWritable", "writeVerificationSummaries"],
};

function lazyModule(path: string): string {
  const names = lazyNames[path] ?? [];
  const specifier = path.startsWith("src/") ? `./${path}` : path;
  return [
    `const load = () => require(${JSON.stringify(specifier)});`,
    // A function, a class, or an object with functions: each is asked for when it is used.
    `const lazy = (name) => new Proxy(function () {}, {`,
    `  apply: (_target, _this, args) => load()[name](...args),`,
    `  construct: (_target, args) => new (load()[name])(...args),`,
    `  get: (_target, key) => load()[name][key],`,
    `});`,
    ...names.map((name) => `export const ${name} = lazy("${name}");`),
    `export default { ${names.join(", ")} };`,
  ].join("\n");
}

function isBundled(command: string): boolean {
  return bundledCommands.some((name) => name === command);
}

async function bundle(): Promise<{ readonly text: string; readonly inputs: readonly string[] }> {
  const result = await build({
    absWorkingDir: checkout,
    stdin: { contents: entry, resolveDir: checkout, sourcefile: "bundle-entry.js" },
    bundle: true,
    write: false,
    metafile: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    charset: "ascii",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "silent",
    plugins: [sources],
    banner: { js: `(function(exports,require,__source){const module={exports};${zodSettings}` },
    footer: { js: "Object.assign(exports,module.exports)})" },
  });
  const text = result.outputFiles[0]?.text ?? "";
  const warning = result.warnings[0];
  if (warning !== undefined) throw new Error(`the bundle would not be the same code: ${warning.text}`);
  return { text, inputs: inputsOf(result) };
}

/** Absolute paths of the files in the bundle, of the packages' own descriptions, and of what made it. */
function inputsOf(result: BuildResult<{ metafile: true }>): string[] {
  const bundled = Object.keys(result.metafile.inputs).filter((path) => !/^(lazy:|bundle-entry\.js$)/.test(path));
  const odd = bundled.find((path) => kept.test(path));
  if (odd !== undefined)
    throw new Error(`${odd} must not get into the bundle: import it dynamically, in a command of its own`);
  const packages = new Set(bundled.flatMap((path) => packageOf(path)));
  const own = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "bin/bundle.mjs",
    "bin/bundled-thread.mjs",
    "dev/build-bundle.ts",
  ];
  return [...bundled, ...packages, ...own].map((path) => resolve(checkout, path)).sort();
}

function packageOf(path: string): string[] {
  const folder = /^.*(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+\//.exec(path)?.[0];
  return folder === undefined ? [] : [`${folder}package.json`];
}

/** Builds the bundle into the folder; returns its size in bytes. Throws when it can't, or when sources change meanwhile. */
export async function buildBundle(folder: string): Promise<number> {
  const begin = Date.now() - clockTickMilliseconds;
  const { text, inputs } = await bundle();
  const stamps = inputs.map((path) => [path, stampOf(path)] as const);
  const changed = stamps.find(([, stamp]) => Number(BigInt(stamp.split(" ")[4] ?? "0") / 1_000_000n) >= begin);
  if (changed !== undefined) throw new Error(`${changed[0]} has changed a moment ago`);
  const digest = createHash("sha256").update(text).digest("hex");
  writeWhole(join(folder, `${digest}.cjs`), text);
  const record: BundleRecord = { schema: 1, checkout, commands: bundledCommands, digest, inputs: stamps };
  writeWhole(join(folder, "record.json"), JSON.stringify(record));
  for (const name of readdirSync(folder)) {
    // A command that runs may still start threads of an older one.
    const isOld = !name.startsWith(digest) && name !== "record.json";
    if (isOld && statSync(join(folder, name)).mtimeMs < begin - oldMilliseconds)
      rmSync(join(folder, name), { force: true });
  }
  return text.length;
}

/**
 * Makes the bundle of this checkout in the environment's cache folder, unless it is there and fresh. Returns why there is
 * none, or undefined: everything works without it.
 */
export async function ensureBundle(
  environment: Environment,
  tell?: (line: string) => void,
): Promise<string | undefined> {
  const folder = bundleFolder(checkout, environment);
  if (folder === undefined) return "the cache folder is not ours alone";
  if (freshRecord(checkout, folder) !== undefined) return undefined;
  try {
    // What was just written, as by `git pull`, is old enough then.
    await setTimeout(2 * clockTickMilliseconds);
    const begin = performance.now();
    const size = await buildBundle(folder);
    const took = Math.round(performance.now() - begin);
    tell?.(`✓ ${bundledCommands.join(", ")} bundled in ${took} ms (${Math.round(size / 1024)} KiB)`);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (import.meta.main) {
  const tell = (line: string): void => {
    console.error(line);
  };
  const missing = await ensureBundle(process.env, tell);
  if (missing !== undefined) tell(`no bundle, so that commands start more slowly: ${missing}`);
}
