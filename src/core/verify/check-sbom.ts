import { z } from "zod";
import { Failure } from "../failure.ts";
import { predicateTypes } from "../intoto/statement.ts";
import { canonicalBytes } from "../json/canonical-json.ts";
import { closureDigest } from "../nix/closure.ts";
import { closureFromCycloneDx, closureFromSpdx } from "../nix/sbom-closure.ts";
import { digestOf } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { PlatformRelease } from "../release/manifest.ts";
import { safeParse } from "../safe-parse.ts";
import { all, proven, refuse } from "./finding.ts";
import type { Checked, Finding } from "./finding.ts";
import type { TrustedStatement } from "./required-statements.ts";

export type SbomFormat = TrustPolicy["sbom"]["formats"][number];

const spdxSchema = z.looseObject({ spdxVersion: z.literal("SPDX-2.3"), packages: z.array(z.looseObject({})) });
const cycloneDxSchema = z.looseObject({ bomFormat: z.literal("CycloneDX"), components: z.array(z.looseObject({})) });

/** Which format a predicate type stands for (spdx.dev/Document is bare or versioned; cyclonedx.org/bom is bare). */
function formatOf(predicateType: string): SbomFormat {
  return predicateType === predicateTypes.cyclonedx ? "cyclonedx" : "spdx-2.3";
}

interface ReadSbom {
  readonly size: number;
  readonly closure: () => readonly { readonly storePath: string; readonly narHash: string }[];
}

function readSbom(format: SbomFormat, document: unknown): ReadSbom | string {
  if (format === "spdx-2.3") {
    const spdx = safeParse(spdxSchema, document);
    if (!spdx.success) return spdx.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    return { size: spdx.data.packages.length, closure: () => closureFromSpdx(document) };
  }
  const bom = safeParse(cycloneDxSchema, document);
  if (!bom.success) return bom.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  return { size: bom.data.components.length, closure: () => closureFromCycloneDx(document) };
}

type Fail = (code: Exclude<Finding["code"], "SKIPPED">, expected: string, found: string, remedy: string) => void;

/** The closure that the SBOM lists is the manifest's, and holds the platform's own output. */
function compareClosure(sbom: ReadSbom, entry: PlatformRelease, fail: Fail): void {
  const remedy = "Make the SBOM from the same build as the manifest: it must list every store path with its NAR hash.";
  const mismatch = (found: string): void => {
    fail("SBOM_CLOSURE_MISMATCH", `the closure ${entry.closure ?? ""} (manifest, ${entry.platform})`, found, remedy);
  };
  try {
    const closure = sbom.closure();
    const digest = closureDigest(closure);
    if (digest !== entry.closure) mismatch(`a closure with digest ${digest}`);
    if (!closure.some(({ storePath, narHash }) => storePath === entry.storePath && narHash === entry.narHash)) {
      mismatch(`no entry ${entry.storePath} with NAR hash ${entry.narHash}`);
    }
  } catch (error) {
    // The readers refuse hostile documents by throwing; here that is a finding like any other.
    if (!(error instanceof Failure)) throw error;
    mismatch(error.message);
  }
}

/** One SBOM of one platform: allowed format, not empty, the one that the manifest names, listing the manifest's closure. */
export function checkSbom(
  statement: TrustedStatement,
  entry: PlatformRelease,
  policy: TrustPolicy,
): Checked<SbomFormat> {
  const subject = `SBOM ${statement.referrer}`;
  const checks: Checked<null>[] = [];
  const fail: Fail = (code, expected, found, remedy) => {
    checks.push(refuse(code, { subject, expected, found, remedy }));
  };
  const format = formatOf(statement.statement.predicateType);
  if (!policy.sbom.formats.includes(format)) {
    fail("SBOM_FORMAT_NOT_ALLOWED", policy.sbom.formats.join(" or "), format, "Attach an SBOM in an allowed format.");
  }
  checks.push(checkSbomDocument(statement.statement.predicate, format, entry, subject));
  const checked = all(checks);
  return checked.ok ? proven(format) : checked;
}

/**
 * The document alone: an SBOM of the format, not empty; with a platform of a manifest, the one that the manifest names,
 * listing the manifest's closure. What is about to be signed is checked by the same rules.
 */
export function checkSbomDocument(
  document: unknown,
  format: SbomFormat,
  entry: PlatformRelease | undefined,
  subject: string,
): Checked<null> {
  const checks: Checked<null>[] = [];
  const fail: Fail = (code, expected, found, remedy) => {
    checks.push(refuse(code, { subject, expected, found, remedy }));
  };
  const digest = digestOf(canonicalBytes(document));
  if (entry !== undefined && digest !== entry.sbom) {
    fail(
      "SBOM_DIGEST_MISMATCH",
      `${entry.sbom} (manifest, ${entry.platform})`,
      digest,
      "Attach the SBOM that the manifest names.",
    );
  }
  const sbom = readSbom(format, document);
  if (typeof sbom === "string") {
    fail("SBOM_INVALID", `a ${format} document`, sbom, "Make the SBOM again with sbomnix and attach it.");
  } else if (sbom.size === 0) {
    fail("SBOM_EMPTY", "at least one package", "none", "Make the SBOM again: an empty one tells nothing.");
  } else if (entry?.closure !== undefined) {
    compareClosure(sbom, entry, fail);
  }
  const checked = all(checks);
  return checked.ok ? proven(null) : checked;
}
