import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isMap, parseDocument } from "yaml";
import { checkout } from "./engine/engine-under-test.ts";
import { localStackText, signerKeys } from "./stack-files.ts";

export interface StagingSettings {
  /** `registry/path` that the policy allows and the release is of. */
  readonly repository: string;
  /** The digest of the one release. */
  readonly digest: string;
  readonly trustedRoot: { readonly path: string; readonly sha256: string; readonly fetched: string };
  /** Whether it has a secret that only a passphrase opens which no test knows; false unless given. */
  readonly encrypted?: boolean;
}

/** Made with `pulumi config set --secret` under another passphrase than the lab's. */
const foreignSalt = "v1:uloXf+BeeTg=:v1:lid2ivdLe2FakN3X:UsQbFqtFTamZzF4zgMGavXe0LNslag==";
const foreignSecret = "v1:mediSbXlJK/ZHx9i:3CwSBARx7RZApvd4T0zAkAE=";

/**
 * The settings of a stack `staging`, made from those of stack local: a real registry's address, a root by its path, and
 * a cluster with a kubeconfig that does not exist (an offline preview does not read it).
 */
export function stagingSettings(settings: StagingSettings): string {
  const document = parseDocument(localStackText());
  if (!isMap(document.contents)) throw new Error("Pulumi.local.yaml is no mapping");
  document.commentBefore = "Made by a test.";
  const at = (key: string, ...rest: readonly (string | number)[]) => ["config", `neko-trust:${key}`, ...rest];
  for (const key of ["release", ...signerKeys]) document.deleteIn(at(key));
  // The checkout's own platform stack has the other.
  document.setIn(at("ghcrRepository", "name"), "neko-staging");
  document.setIn(at("policy", "name"), "neko-staging");
  document.setIn(at("policy", "environment"), "staging");
  document.setIn(at("policy", "images", 0, "repository"), settings.repository);
  document.setIn(at("policy", "roots", "sigstore", "sha256"), settings.trustedRoot.sha256);
  document.setIn(at("policy", "roots", "sigstore", "fetched"), settings.trustedRoot.fetched);
  document.setIn(at("trustedRoot"), settings.trustedRoot.path);
  document.setIn(at("releases"), [{ image: settings.repository, current: settings.digest, retained: [] }]);
  document.setIn(at("clusters"), [{ name: "staging", kubeconfig: "no-such-kubeconfig" }]);
  if (settings.encrypted === true) {
    document.set("encryptionsalt", foreignSalt);
    document.setIn(at("githubToken"), { secure: foreignSecret });
  } else document.delete("encryptionsalt");
  return document.toString();
}

/** Writes `stacks/Pulumi.staging.yaml` (and, where there is none, Pulumi.yaml) into a folder. */
export function writeStaging(folder: string, settings: StagingSettings): void {
  const file = join(folder, "stacks", "Pulumi.staging.yaml");
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stagingSettings(settings));
  writeFileSync(join(folder, "Pulumi.yaml"), readFileSync(join(checkout, "Pulumi.yaml")));
}
