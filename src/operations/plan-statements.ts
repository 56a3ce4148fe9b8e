import { buildProvenance } from "../core/intoto/build-provenance.ts";
import { predicateTypes } from "../core/intoto/statement.ts";
import { Failure } from "../core/failure.ts";
import type { Digest } from "../core/oci/digest.ts";
import type { BlobDescriptor } from "../core/oci/parse.ts";
import type { ReleaseManifest } from "../core/release/manifest.ts";
import type { TokenIdentity } from "../core/sigstore/identity-token.ts";
import { all } from "../core/verify/finding.ts";
import type { Checked } from "../core/verify/finding.ts";
import type { AttachedManifest } from "./attached-manifests.ts";
import type { AttestDocument, DocumentKind } from "./attest-documents.ts";
import { checkDocument, manifestOf } from "./check-documents.ts";
import type { CheckedDocument } from "./check-documents.ts";
import { failureOfFindings } from "./resolve-subjects.ts";
import type { ImageSubjects } from "./resolve-subjects.ts";

/** Provenance that is made here, one for each platform, from what the certificate will say. */
export interface ProvenanceToMake {
  /** The flake's attribute that was built. */
  readonly attribute: string;
  readonly lock: { readonly path: string; readonly digest: Digest };
}

/** A statement that passed its checks, ready to be signed and attached. */
export interface PlannedStatement {
  readonly kind: DocumentKind;
  /** Left out: about the index. */
  readonly platform?: string;
  readonly subject: BlobDescriptor;
  readonly predicateType: string;
  readonly predicate: unknown;
  /** What the user should know although it is no fault. */
  readonly notes: readonly string[];
}

export interface PlanRequest {
  readonly image: ImageSubjects;
  readonly documents: readonly AttestDocument[];
  readonly provenance?: ProvenanceToMake;
  /** The signer's token; left out when a key signs. */
  readonly identity?: TokenIdentity;
  readonly attached: readonly AttachedManifest[];
}

/** What a document is compared with. */
export interface DocumentContext {
  readonly image: ImageSubjects;
  readonly identity: TokenIdentity | undefined;
  readonly attached: readonly AttachedManifest[];
  /** The manifest that is being attached, else those that are. */
  readonly manifests: readonly ReleaseManifest[];
}

/** Kinds that are about a platform; a custom document is when a platform is named. */
const ofPlatform: readonly DocumentKind[] = ["provenance", "sbom", "rebuild", "scan"];

/** Refuses a request for no statement at all (ATTEST_NOTHING): before anybody is asked. */
export function assertSomething({ documents, provenance }: Pick<PlanRequest, "documents" | "provenance">): void {
  if (documents.length > 0 || provenance !== undefined) return;
  throw usage(
    "ATTEST_NOTHING",
    "There is nothing to attest.",
    "Give at least one of --provenance, --sbom, --manifest, --rebuild, --scan, --vsa and --predicate.",
  );
}

/**
 * Decides about all statements before the first is signed: what each is about, and whether verification could accept
 * it. Throws Failure (usage) with every finding, under the code of the first; then nothing has been signed.
 */
export function planStatements(request: PlanRequest): PlannedStatement[] {
  const { image, documents, provenance, identity, attached } = request;
  const given = documents.filter(({ kind }) => kind === "manifest").map(({ document }) => manifestOf(document));
  const manifests = given.length > 0 ? given : attached.map(({ manifest }) => manifest);
  const context: DocumentContext = {
    image,
    identity,
    attached,
    manifests: manifests.filter((one) => one !== undefined).filter(({ digest }) => digest === image.digest),
  };
  const planned = documents.map((document) => planDocument(document, context));
  const checked = all(planned);
  if (!checked.ok) {
    const message = "What was given can't be attested: verification would refuse it. Nothing was attached.";
    throw failureOfFindings(checked.findings, "usage", message, "Mend what each line says, then attest again.");
  }
  const made = provenance === undefined ? [] : makeProvenance(provenance, image, identity);
  const statements = [...checked.proof, ...made];
  assertOnce(statements);
  return statements;
}

function planDocument(document: AttestDocument, context: DocumentContext): Checked<PlannedStatement> {
  const { image } = context;
  const checked = checkDocument(document, context);
  if (!checked.ok) return checked;
  const { predicateType, notes, platform: told } = checked.proof;
  const base = { kind: document.kind, predicateType, predicate: checked.proof.predicate ?? document.document };
  const platform = platformFor(document, told, context);
  if (platform === undefined) return { ok: true, proof: { ...base, subject: image.subject, notes } };
  const subject = image.platforms.get(platform) ?? image.subject;
  const after = checked.proof.about?.(platform, subject) ?? { ok: true, proof: notes };
  return after.ok ? { ok: true, proof: { ...base, platform, subject, notes: after.proof } } : after;
}

/** The platform that a document is about: named, told by the document, or the only one. Undefined: the index. */
function platformFor(document: AttestDocument, told: CheckedDocument["platform"], context: DocumentContext) {
  const { kind, file, platform: named } = document;
  const { image } = context;
  const known = [...image.platforms.keys()];
  if (named !== undefined && told !== undefined && named !== told) {
    throw usage(
      "ATTEST_PLATFORM_UNKNOWN",
      `The ${kind} ${file} is named for ${named}, but says that it is about ${told}.`,
      "Name the platform that it was made for.",
    );
  }
  const platform = named ?? told;
  if (platform !== undefined) {
    const applies = ofPlatform.includes(kind) || kind === "custom";
    if (applies && image.platforms.has(platform)) return platform;
    throw usage(
      "ATTEST_PLATFORM_UNKNOWN",
      applies
        ? `${image.resolved} has no platform ${platform} (it has ${known.join(", ")}).`
        : `A ${kind} is about the whole image, not about ${platform}.`,
      `Write ${kind === "custom" ? "--predicate" : `--${kind}`} ${known[0] ?? "linux/amd64"}=<file> with a platform of the image, or ./<file> when the name holds a =.`,
    );
  }
  if (!ofPlatform.includes(kind)) return undefined;
  const [only, ...more] = known;
  if (only !== undefined && more.length === 0) return only;
  throw usage(
    "ATTEST_PLATFORM_MISSING",
    `It isn't clear which platform of the image the ${kind} ${file} is about (it has ${known.join(", ")}).`,
    `Write --${kind} ${only ?? "linux/amd64"}=${file}.`,
  );
}

function makeProvenance(
  { attribute, lock }: ProvenanceToMake,
  image: ImageSubjects,
  identity: TokenIdentity | undefined,
): PlannedStatement[] {
  const workflow = identity?.workflow;
  if (workflow === undefined) {
    throw usage(
      "PROVENANCE_NEEDS_WORKFLOW",
      "Provenance is made from a workflow's identity token, and this signer has none.",
      "Sign in the workflow that builds, or give the provenance as a file: --provenance <file>.",
    );
  }
  return [...image.platforms].map(([platform, subject]) => ({
    kind: "provenance",
    platform,
    subject,
    predicateType: predicateTypes.provenance,
    predicate: buildProvenance({ ...workflow, attribute, platform, lock }),
    notes: [],
  }));
}

/** Two different statements of one kind about one subject would contradict each other; every valid one has to pass. */
function assertOnce(statements: readonly PlannedStatement[]): void {
  const seen = new Set<string>();
  for (const { kind, predicateType, subject, platform } of statements) {
    const key = `${kind} ${predicateType} ${subject.digest}`;
    if (kind !== "custom" && seen.has(key)) {
      throw usage(
        "ATTEST_TWICE",
        `Two statements of the kind ${kind} are given for ${platform ?? "the image"}.`,
        "Give one of them; nothing was attached.",
      );
    }
    seen.add(key);
  }
}

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}
