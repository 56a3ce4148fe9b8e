import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../../core/failure.ts";
import { homeOf } from "../directories/directories.ts";
import { askCredentialHelper } from "./credential-helper.ts";
import type { Credentials, CredentialsSource } from "./settings.ts";

/**
 * Credentials as `docker login` leaves them: `config.json` in $DOCKER_CONFIG or ~/.docker, with `auths`, `credHelpers`
 * and `credsStore` (docs.docker.com, "docker login"). A host gets only what is stored for exactly that host, never for
 * one that contains its name (CVE-2026-59891).
 */

const authSchema = z.lazy(() =>
  z.looseObject({
    auth: z.string().optional(),
    username: z.string().optional(),
    password: z.string().optional(),
    identitytoken: z.string().optional(),
  }),
);

/** Lazy, as many have no such file. */
const configSchema = z.lazy(() =>
  z.looseObject({
    auths: z.record(z.string(), authSchema).optional(),
    credHelpers: z.record(z.string(), z.string()).optional(),
    credsStore: z.string().optional(),
  }),
);
type DockerConfig = z.infer<typeof configSchema>;

/** Docker Hub's entry goes by another name than its registry. */
const dockerHubKey = "https://index.docker.io/v1/";

/**
 * Reads the file at the first call. The source throws DOCKER_CONFIG_INVALID (usage) or CREDENTIAL_HELPER_FAILED
 * (unavailable); a file that does not exist gives no credentials.
 */
export function dockerCredentials(environment: Readonly<Record<string, string | undefined>>): CredentialsSource {
  // Docker takes an empty variable for one that is not set; the current folder is never meant.
  const home = homeOf(environment);
  const ofHome = home === undefined ? undefined : join(home, ".docker");
  const folder = environment["DOCKER_CONFIG"] === "" ? ofHome : (environment["DOCKER_CONFIG"] ?? ofHome);
  const path = folder === undefined ? undefined : join(folder, "config.json");
  const perHost = new Map<string, Promise<Credentials | undefined>>();
  let config: DockerConfig | undefined;
  return (host) => {
    const known = perHost.get(host);
    if (known !== undefined) return known;
    const found = Promise.resolve().then(() =>
      credentialsFor((config ??= path === undefined ? {} : readConfig(path)), host, environment),
    );
    perHost.set(host, found);
    return found;
  };
}

async function credentialsFor(
  config: DockerConfig,
  host: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Credentials | undefined> {
  const helper = entryFor(config.credHelpers, host);
  if (helper !== undefined) {
    const stored = await askCredentialHelper(helper.value, helper.key, environment);
    if (stored !== undefined) return stored;
  } else if (config.credsStore !== undefined && config.credsStore !== "") {
    const key = entryFor(config.auths, host)?.key ?? (host === "docker.io" ? dockerHubKey : host);
    const stored = await askCredentialHelper(config.credsStore, key, environment);
    if (stored !== undefined) return stored;
  }
  const entry = entryFor(config.auths, host)?.value;
  return entry === undefined ? undefined : fromAuth(entry);
}

/** The entry whose key is this host, as it is or as an address of its root or API. */
function entryFor<T>(
  entries: Readonly<Record<string, T>> | undefined,
  host: string,
): { key: string; value: T } | undefined {
  const all = Object.entries(entries ?? {});
  const found = all.find(([key]) => key === host) ?? all.find(([key]) => hostOfKey(key) === host);
  return found === undefined ? undefined : { key: found[0], value: found[1] };
}

function hostOfKey(key: string): string | undefined {
  const host = /^(?:https?:\/\/)?([^/@?#]+)\/?(?:v[12]\/?)?$/.exec(key)?.[1]?.toLowerCase();
  return host === "index.docker.io" || host === "registry-1.docker.io" ? "docker.io" : host;
}

function fromAuth(entry: z.infer<typeof authSchema>): Credentials | undefined {
  const { identitytoken, username, password, auth } = entry;
  if (identitytoken !== undefined && identitytoken !== "") return { kind: "identity-token", token: identitytoken };
  if (username !== undefined && password !== undefined) return { kind: "basic", username, password };
  const text = Buffer.from(auth ?? "", "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  return { kind: "basic", username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

function readConfig(path: string): DockerConfig {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return {};
    throw invalidConfig(path, "can't be read");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would quote the file, and the file holds passwords.
    throw invalidConfig(path, "is not JSON");
  }
  const config = configSchema.safeParse(value);
  if (config.success) return config.data;
  const where = config.error.issues.map((issue) => issue.path.slice(0, 2).map(String).join(".")).join(", ");
  throw invalidConfig(path, `has values of another type than Docker writes at ${where === "" ? "its root" : where}`);
}

function invalidConfig(path: string, why: string): Failure {
  return new Failure({
    code: "DOCKER_CONFIG_INVALID",
    kind: "usage",
    message: `${path} ${why}.`,
    remedy: 'Correct it, or write it anew with "docker login"; DOCKER_CONFIG names another folder.',
  });
}
