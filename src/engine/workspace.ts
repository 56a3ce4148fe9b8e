import { mkdir, readFile, readdir } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import { isMap, parseDocument } from "yaml";
import type { Document } from "yaml";
import { writeWhole } from "../adapters/files/write-whole.ts";
import { Failure, reasonOf } from "../core/failure.ts";

/** A folder of our own in which the engine may write. */
export interface EngineWorkspace {
  readonly folder: string;
  readonly project: string;
}

const stackName = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$/;

/**
 * Copies the checkout's project and stack settings into `folder`. The engine writes to both (a salt at `stack init`,
 * for example), so it never gets the originals. `main` is the checkout, so that plugins and programs resolve there.
 * @throws Failure PROJECT_INVALID, STACK_UNKNOWN
 */
export async function prepareWorkspace(checkout: string, stack: string, folder: string): Promise<EngineWorkspace> {
  const projectFile = join(checkout, "Pulumi.yaml");
  const document = await readYaml(projectFile);
  const project: unknown = document.get("name");
  if (typeof project !== "string" || project === "") throw projectInvalid(projectFile, "it has no `name`");
  const configFolder: unknown = document.get("stackConfigDir") ?? ".";
  if (typeof configFolder !== "string") throw projectInvalid(projectFile, "`stackConfigDir` is not a string");
  const settings = await readStackSettings(resolve(checkout, configFolder), stack);

  document.set("main", checkout);
  document.delete("stackConfigDir");
  // The caller decides on the backend; a path that is relative to the checkout would not be right here.
  document.delete("backend");
  makePluginPathsAbsolute(document, checkout);

  await mkdir(folder, { recursive: true, mode: 0o700 });
  writeWhole(join(folder, "Pulumi.yaml"), document.toString());
  const copy = join(folder, `Pulumi.${stack}.yaml`);
  writeWhole(copy, withSaltOf(copy, settings, await readOptional(copy)));
  return { folder, project };
}

async function readStackSettings(folder: string, stack: string): Promise<string> {
  const text = stackName.test(stack) ? await readOptional(join(folder, `Pulumi.${stack}.yaml`)) : undefined;
  if (text !== undefined) return text;
  const files = await readdir(folder).catch(() => []);
  const known = files.map((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1]).filter((name) => name !== undefined);
  throw new Failure({
    code: "STACK_UNKNOWN",
    kind: "usage",
    message: `There is no stack "${stack}": ${folder} has no Pulumi.${stack}.yaml.`,
    remedy: known.length === 0 ? "Add the stack's settings file." : `Name one of: ${known.sort().join(", ")}.`,
  });
}

/**
 * The salt that `stack init` made stays in the copy when the original has none: with another salt the secrets of the
 * state would be encrypted anew at each run.
 */
function withSaltOf(file: string, settings: string, before: string | undefined): string {
  const document = parseDocument(settings);
  if (before === undefined || document.has("encryptionsalt")) return settings;
  const earlier = parseDocument(before);
  const salt: unknown = isMap(earlier.contents) ? earlier.get("encryptionsalt") : undefined;
  if (typeof salt !== "string") return settings;
  if (document.contents !== null && !isMap(document.contents)) throw projectInvalid(file, "it is not a mapping");
  document.set("encryptionsalt", salt);
  return document.toString();
}

function makePluginPathsAbsolute(document: Document.Parsed, checkout: string): void {
  for (const kind of ["providers", "languages", "analyzers"]) {
    for (let index = 0; document.hasIn(["plugins", kind, index]); index += 1) {
      const path = document.getIn(["plugins", kind, index, "path"]);
      if (typeof path === "string" && !isAbsolute(path)) {
        document.setIn(["plugins", kind, index, "path"], resolve(checkout, path));
      }
    }
  }
}

async function readYaml(file: string): Promise<Document.Parsed> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw projectInvalid(file, reasonOf(cause));
  }
  const document = parseDocument(text);
  const fault = document.errors[0];
  if (fault !== undefined) throw projectInvalid(file, fault.message.split("\n")[0] ?? "");
  if (!isMap(document.contents)) throw projectInvalid(file, "it is not a mapping");
  return document;
}

function projectInvalid(file: string, reason: string): Failure {
  return new Failure({
    code: "PROJECT_INVALID",
    kind: "usage",
    message: `${file} can't be used: ${reason}.`,
    remedy: "Run the command in a checkout of the project, or restore the file from git.",
  });
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
