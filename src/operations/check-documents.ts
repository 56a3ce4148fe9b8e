import { z } from "zod";
import { provenanceSchema } from "../core/intoto/provenance-predicate.ts";
import { rebuildPredicateSchema } from "../core/intoto/rebuild-predicate.ts";
import { scanPredicateSchema } from "../core/intoto/scan-predicate.ts";
import { predicateTypes, statementTypes } from "../core/intoto/statement.ts";
import { verificationSummarySchema } from "../core/intoto/verification-summary.ts";
import { canonicalBytes } from "../core/json/canonical-json.ts";
import type { JsonValue } from "../core/json/strict-json.ts";
import { digestOf, sha256Hex } from "../core/oci/digest.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";
import type { PlatformRelease, ReleaseManifest } from "../core/release/manifest.ts";
import { safeParse } from "../core/safe-parse.ts";
import { faultLine, schemaFaults } from "../core/schema-faults.ts";
import { checkManifestImage, parseManifest } from "../core/verify/check-manifest.ts";
import { checkSbomDocument } from "../core/verify/check-sbom.ts";
import type { SbomFormat } from "../core/verify/check-sbom.ts";
import { all, proven, refuse } from "../core/verify/finding.ts";
import type { Checked, FindingCode } from "../core/verify/finding.ts";

import type { AttestDocument } from "./attest-documents.ts";
import type { DocumentContext } from "./plan-statements.ts";

/** What a document proved to be. */
export interface CheckedDocument {
  readonly predicateType: string;
  /** The platform that the document itself names. */
  readonly platform?: string;
  readonly notes: readonly string[];
  /** What is attached of the document, when not all of it is. */
  readonly predicate?: JsonValue;
  /** What can be checked once the platform is known; gives the notes. */
  readonly about?: (platform: string, subject: BlobDescriptor) => Checked<readonly string[]>;
}

type Check = (document: AttestDocument, context: DocumentContext) => Checked<CheckedDocument>;

const checks: Readonly<Record<AttestDocument["kind"], Check>> = {
  provenance: checkProvenanceDocument,
  sbom: checkSbom,
  manifest: checkManifest,
  rebuild: checkRebuild,
  scan: checkScan,
  vsa: checkSummary,
  custom: ({ predicateType = "" }) => proven({ predicateType, notes: [] }),
};

/** Judges a document by the rules that verification has for its kind, and with the same codes. */
export function checkDocument(document: AttestDocument, context: DocumentContext): Checked<CheckedDocument> {
  return checks[document.kind](document, context);
}

/** The release manifest in a document, when it is one. */
export function manifestOf(document: JsonValue): ReleaseManifest | undefined {
  const parsed = parseManifest(document, "the manifest");
  return parsed.ok ? parsed.proof : undefined;
}

function parsedAs<S extends z.ZodType>(
  schema: S,
  { file, document }: AttestDocument,
  invalid: { readonly code: Exclude<FindingCode, "SKIPPED">; readonly expected: string },
): Checked<z.output<S>> {
  const parsed = safeParse(schema, document);
  if (parsed.success) return proven(parsed.data);
  return refuse(invalid.code, {
    subject: file,
    expected: invalid.expected,
    found: schemaFaults(parsed.error, document).slice(0, 5).map(faultLine).join("; "),
    remedy: "Make the file again with a tool of this form.",
  });
}

/** SPDX or CycloneDX, told by what the document says of itself. */
function sbomFormat(document: JsonValue): SbomFormat | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  if ("spdxVersion" in document && document.spdxVersion === "SPDX-2.3") return "spdx-2.3";
  return "bomFormat" in document && document.bomFormat === "CycloneDX" ? "cyclonedx" : undefined;
}

function checkSbom(input: AttestDocument, { manifests }: DocumentContext): Checked<CheckedDocument> {
  const { file, document } = input;
  const format = sbomFormat(document);
  if (format === undefined) {
    return refuse("SBOM_INVALID", {
      subject: file,
      expected: "an SPDX 2.3 or CycloneDX document in JSON",
      found: "neither",
      remedy: "Make the SBOM again with sbomnix.",
    });
  }
  const alone = checkSbomDocument(document, format, undefined, file);
  if (!alone.ok) return alone;
  const digest = digestOf(canonicalBytes(document));
  const told = platformBySbom(manifests, digest);
  return proven({
    predicateType: format === "cyclonedx" ? predicateTypes.cyclonedx : predicateTypes.spdx23,
    ...(told === undefined ? {} : { platform: told }),
    notes: [],
    about: (platform) => {
      // Those that are attached already may hold one of somebody else's: matching one of them is enough.
      const compared = entriesOf(manifests, platform).map((entry) => checkSbomDocument(document, format, entry, file));
      const [refusal] = compared;
      if (refusal === undefined || refusal.ok || compared.some(({ ok }) => ok)) return proven([]);
      return refusal;
    },
  });
}

/** The one platform whose SBOM the manifest says this is. */
function platformBySbom(manifests: readonly ReleaseManifest[], digest: string): string | undefined {
  const [only, ...more] = [
    ...new Set(
      manifests.flatMap(({ platforms }) =>
        platforms.filter(({ sbom }) => sbom === digest).map(({ platform }) => platform),
      ),
    ),
  ];
  return more.length === 0 ? only : undefined;
}

function entriesOf(manifests: readonly ReleaseManifest[], platform: string): PlatformRelease[] {
  return manifests.flatMap(({ platforms }) => platforms.filter((entry) => entry.platform === platform));
}

function checkManifest(input: AttestDocument, context: DocumentContext): Checked<CheckedDocument> {
  const { file, document } = input;
  const { image, attached, identity } = context;
  const parsed = parseManifest(document, file);
  if (!parsed.ok) return parsed;
  const platforms = new Map([...image.platforms].map(([platform, { digest }]) => [platform, digest]));
  const ofImage = checkManifestImage(parsed.proof, { digest: image.digest, platforms }, file);
  if (!ofImage.ok) return ofImage;
  const own = sha256Hex(canonicalBytes(parsed.proof));
  const other = attached.find(
    ({ manifest, signer }) => signer === identity?.subject && sha256Hex(canonicalBytes(manifest)) !== own,
  );
  if (other === undefined) return proven({ predicateType: predicateTypes.release, notes: [] });
  return refuse("MANIFEST_EQUIVOCATION", {
    subject: file,
    expected: `the manifest that ${other.signer} attached already (${other.referrer})`,
    found: "another one",
    remedy: "Release it as another version: an image with two manifests of one signer is refused for good.",
  });
}

/** The workflow of the certificate, which whoever verifies compares the predicate with. */
function checkProvenanceDocument(input: AttestDocument, { identity }: DocumentContext): Checked<CheckedDocument> {
  const { file } = input;
  const parsed = parsedAs(provenanceSchema, input, { code: "PROVENANCE_INVALID", expected: "SLSA provenance v1" });
  if (!parsed.ok) return parsed;
  const { buildDefinition, runDetails } = parsed.proof;
  const workflow = identity?.workflow;
  const found: Checked<null>[] = [];
  const remedy =
    "Sign in the run that built it, or leave the file out: provenance is then made from the identity token.";
  if (workflow !== undefined) {
    const { builderId, repository, ref, commit, invocationId } = workflow;
    if (runDetails.builder.id !== builderId) {
      const detail = { expected: `${builderId} (the signer's workflow)`, found: runDetails.builder.id };
      found.push(refuse("PROVENANCE_BUILDER_MISMATCH", { subject: file, ...detail, remedy }));
    }
    const sources = buildDefinition.resolvedDependencies.map(
      ({ uri, digest }) => `${uri ?? "no uri"} ${digest?.["gitCommit"] ?? ""}`,
    );
    const source = `git+${repository}@${ref} ${commit}`;
    const invocation = runDetails.metadata?.invocationId;
    if (!sources.includes(source) || (invocation !== undefined && invocation !== invocationId)) {
      const detail = {
        expected: `${source}, run ${invocationId}`,
        found: `${sources.join(", ")}, run ${invocation ?? "unnamed"}`,
      };
      found.push(refuse("PROVENANCE_SOURCE_MISMATCH", { subject: file, ...detail, remedy }));
    }
  }
  const checked = all(found);
  if (!checked.ok) return checked;
  const platform = buildDefinition.externalParameters["platform"];
  return proven({
    predicateType: predicateTypes.provenance,
    ...(typeof platform === "string" ? { platform } : {}),
    notes: [],
  });
}

function checkRebuild(input: AttestDocument, { identity }: DocumentContext): Checked<CheckedDocument> {
  const expected = "a rebuild (build type …/nix-oci-rebuild/v1)";
  const parsed = parsedAs(rebuildPredicateSchema, input, { code: "REBUILD_INVALID", expected });
  if (!parsed.ok) return parsed;
  const { buildDefinition, runDetails } = parsed.proof;
  const workflow = identity?.workflow;
  if (workflow !== undefined && runDetails.builder.id !== workflow.builderId) {
    return refuse("REBUILD_BUILDER_MISMATCH", {
      subject: input.file,
      expected: `${workflow.builderId} (the signer's workflow)`,
      found: runDetails.builder.id,
      remedy: "Sign a rebuild in the workflow that rebuilt.",
    });
  }
  const rebuilt = `sha256:${runDetails.byproducts[0].digest.sha256}`;
  return proven({
    predicateType: predicateTypes.provenance,
    platform: buildDefinition.externalParameters.platform,
    notes: [],
    about: (platform, subject) =>
      proven(
        rebuilt === subject.digest
          ? []
          : [
              `the rebuild of ${platform} gave ${rebuilt}, not ${subject.digest}: this statement speaks against the image`,
            ],
      ),
  });
}

function checkScan(input: AttestDocument, { manifests }: DocumentContext): Checked<CheckedDocument> {
  const expected = "a scan (…/trust/scan/v1)";
  const parsed = parsedAs(scanPredicateSchema, input, { code: "SCAN_INVALID", expected });
  if (!parsed.ok) return parsed;
  const { sbom } = parsed.proof;
  const told = platformBySbom(manifests, sbom);
  return proven({
    predicateType: predicateTypes.scan,
    ...(told === undefined ? {} : { platform: told }),
    notes: [],
    about: (platform) => {
      const entries = entriesOf(manifests, platform);
      if (entries.length === 0 || entries.some((entry) => entry.sbom === sbom)) return proven([]);
      return refuse("SCAN_OTHER_SBOM", {
        subject: input.file,
        expected: `${entries[0]?.sbom ?? ""} (manifest, ${platform})`,
        found: sbom,
        remedy: "Scan the SBOM that the manifest names.",
      });
    },
  });
}

/** Written by `verify-image --vsa` as a whole statement, and by other tools as the predicate alone: both are taken. */
function checkSummary(input: AttestDocument, { image }: DocumentContext): Checked<CheckedDocument> {
  // Verification has no rule for summaries: whoever reads one trusts its verifier.
  const expected = "a verification summary (slsa.dev/spec/v1.2/verification_summary)";
  const read = safeParse(summaryStatement, input.document);
  const predicate = read.success ? read.data.predicate : input.document;
  const parsed = parsedAs(
    verificationSummarySchema,
    { ...input, document: predicate },
    { code: "STATEMENT_INVALID", expected },
  );
  if (!parsed.ok) return parsed;
  const hex = image.subject.digest.slice("sha256:".length);
  if (read.success && !read.data.subject.some(({ digest }) => digest.sha256 === hex)) {
    return refuse("STATEMENT_SUBJECT_MISMATCH", {
      subject: input.file,
      expected: `a summary of ${image.subject.digest}`,
      found: read.data.subject.map(({ digest }) => `sha256:${digest.sha256}`).join(", "),
      remedy: "Attach the summary to the image that it is about.",
    });
  }
  return proven({ predicateType: predicateTypes.verificationSummary, notes: [], predicate });
}

/** What `verify-image --vsa` writes for one image. */
const summaryStatement = z.looseObject({
  _type: z.literal(statementTypes[0]),
  predicateType: z.literal(predicateTypes.verificationSummary),
  subject: z.array(z.looseObject({ digest: z.looseObject({ sha256: z.string() }) })).min(1),
  predicate: z.custom<JsonValue>((value) => typeof value === "object" && value !== null),
});
