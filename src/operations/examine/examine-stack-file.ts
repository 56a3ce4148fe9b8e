import { isRecord } from "../../core/is-record.ts";
import type { Directories } from "../../adapters/directories/directories.ts";
import { findPlaceholders, placeholderPath } from "../../config/placeholders.ts";
import { readPins } from "../../config/read-pins.ts";
import { readYamlConfig, stackFile } from "../../config/read-config.ts";
import { neededSecrets } from "../../config/needed-secrets.ts";
import { secretKeysOf } from "../../config/stack-config.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { Failure } from "../../core/failure.ts";
import { unresolvedPins } from "../../core/pins/pins.ts";
import { parseStrictYaml } from "../../core/yaml/strict-yaml.ts";

/** Shown of a longer list; the rest is counted. */
const most = 8;

/** Checks of a stack's own file: valid, filled in, its secrets encrypted. `config` is undefined where it can't be read. */
export function examineStackFile(
  stack: string,
  text: string,
  directories: Directories,
): { readonly config: StackConfig | undefined; readonly checks: readonly CheckResult[] } {
  const file = stackFile(stack);
  let config: StackConfig;
  try {
    config = readYamlConfig(stack, directories);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const says = [error.message, ...shortened(error.details)].join(" ");
    return { config: undefined, checks: [missing("stack file", says, error.remedy)] };
  }
  const left = findPlaceholders(config).map(placeholderPath);
  return {
    config,
    checks: [
      ok("stack file", `${file} is valid`),
      left.length === 0
        ? ok("placeholders", "none left")
        : missing("placeholders", `${left.length} left: ${shortened(left).join(", ")}`, `make init STACK=${stack}`),
      ...examineSecrets(stack, text, config),
    ],
  };
}

/** Whether secrets are encrypted, and with what. */
function examineSecrets(stack: string, text: string, stackConfig: StackConfig): CheckResult[] {
  const yaml = parseStrictYaml(text);
  const root = yaml.ok && isRecord(yaml.value) ? yaml.value : {};
  const config = isRecord(root["config"]) ? root["config"] : {};
  if (stack === "local") return [ok("secrets", "the lab's own")];
  const valueOf = (key: string): unknown => config[`neko-trust:${key}`];
  const needed = neededSecrets(stackConfig).map(({ key }) => key);
  const others = [...secretKeysOf(stackConfig)].filter((key) => !needed.includes(key) && valueOf(key) !== undefined);
  const checks = [...needed, ...others].map((key): CheckResult => {
    const name = `secret ${key}`;
    // One in plain text was refused when the file was read.
    if (valueOf(key) !== undefined) return ok(name, "set, encrypted");
    return missing(name, "not set", `pulumi config set --secret neko-trust:${key} --stack ${stack}`);
  });
  const provider = root["secretsprovider"];
  const salt = root["encryptionsalt"];
  if (typeof provider === "string" && provider.startsWith("gcpkms://")) {
    return [...checks, ok("secrets provider", "a key in Cloud KMS")];
  }
  if (typeof provider === "string" && provider !== "passphrase") return [...checks, ok("secrets provider", "its own")];
  const says = typeof salt === "string" ? "a passphrase, which people share" : "none";
  return [
    ...checks,
    missing("secrets provider", says, `make init STACK=${stack} shows how to use a key in Cloud KMS.`),
  ];
}

/** Whether what others made is pinned by digest. Only production refuses what is not. */
export function examinePins(checkout: string, environment: StackConfig["policy"]["environment"]): CheckResult {
  const name = "pins";
  try {
    const open = unresolvedPins(readPins(checkout));
    if (open.length === 0) return ok(name, "every pin has a digest");
    const says = `${open.length} without a digest: ${shortened(open).join(", ")}`;
    return environment === "production"
      ? missing(name, says, "neko-trust pin")
      : ok(name, `${says}; only production refuses that`);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return missing(name, [error.message, ...shortened(error.details)].join(" "), error.remedy);
  }
}

function shortened(lines: readonly string[]): string[] {
  return lines.length <= most ? [...lines] : [...lines.slice(0, most), `and ${lines.length - most} more`];
}
