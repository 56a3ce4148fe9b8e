import { parse } from "smol-toml";
import { Failure, reasonOf } from "../failure.ts";
import { legible } from "../legible.ts";
import { configFindingLine } from "./config-finding.ts";
import type { ConfigFinding, Report, Table } from "./config-finding.ts";
import { lintKeys } from "./config-keys.ts";
import { lintAdmin } from "./lint-admin.ts";
import { lintAttestation } from "./lint-attestation.ts";
import { lintDeployment } from "./lint-deployment.ts";
import type { DeploymentFacts } from "./lint-deployment.ts";
import { lintServer } from "./lint-server.ts";
import { lintStorage } from "./lint-storage.ts";

/** A KBS configuration is a page; more is a mistake or an attack on the parser. */
const mostBytes = 64 * 1024;

/**
 * Every insecure setting of a KBS configuration (Trustee v0.21.0, TOML), also those that are insecure by being left out.
 * All rules run, so that all findings come at once. With `facts`, also what does not fit the deployment.
 */
export function lintConfig(toml: string, facts?: DeploymentFacts): ConfigFinding[] {
  const findings: ConfigFinding[] = [];
  const report: Report = (code, path, why, remedy) => {
    findings.push({ code, path, why, remedy });
  };
  const document = parsed(toml, report);
  if (document === undefined) return findings;
  lintKeys(document, report);
  lintServer(document, report);
  lintAttestation(document, report);
  lintAdmin(document, report);
  lintStorage(document, report);
  if (facts !== undefined) lintDeployment(document, facts, report);
  return findings;
}

/** As `lintConfig`; throws KBS_CONFIG_INSECURE with every finding. */
export function requireSecureConfig(toml: string, source: string, facts?: DeploymentFacts): void {
  const findings = lintConfig(toml, facts);
  if (findings.length === 0) return;
  throw new Failure({
    code: "KBS_CONFIG_INSECURE",
    kind: "refused",
    message: `The KBS configuration of ${source} has ${findings.length} insecure setting${findings.length === 1 ? "" : "s"}.`,
    remedy: "Mend each, or leave the configuration out: then a secure one is compiled.",
    details: findings.map(configFindingLine),
  });
}

function parsed(toml: string, report: Report): Table | undefined {
  if (Buffer.byteLength(toml, "utf8") > mostBytes) {
    report("CONFIG_NOT_TOML", "(whole document)", `It has more than ${mostBytes} bytes.`, "Shorten it.");
    return undefined;
  }
  try {
    return parse(toml);
  } catch (error) {
    // The library quotes the line; a secret could be in it.
    const [first = ""] = reasonOf(error).split("\n");
    report("CONFIG_NOT_TOML", "(whole document)", `It is no TOML: ${legible(first)}.`, "Mend it.");
    return undefined;
  }
}
