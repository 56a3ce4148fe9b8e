import { Failure } from "../../core/failure.ts";
import { predicateTypes } from "../../core/intoto/statement.ts";
import { parseReference } from "../../core/release/reference.ts";
import { readAttestDocument, readLock } from "../../operations/attest-documents.ts";
import type { AttestDocument } from "../../operations/attest-documents.ts";
import { attestImage } from "../../operations/attest-image.ts";
import type { AttestedStatement } from "../../operations/attest-image.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { assertSomething } from "../../operations/plan-statements.ts";
import type { ProvenanceToMake } from "../../operations/plan-statements.ts";
import type { SigningOptions } from "../commands/signing-options.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { cosignCommand, signerDocument, signerLines, signerOf, statementLine, verifyLines } from "./signing.ts";

/** Options of `attest-image`; files as `[platform=]file`. */
export interface AttestOptions {
  /** Files; `made` is what --provenance means without one. */
  readonly provenance?: readonly string[];
  readonly attribute?: string;
  readonly flakeLock?: string;
  readonly sbom?: readonly string[];
  readonly manifest?: string;
  readonly rebuild?: readonly string[];
  readonly scan?: readonly string[];
  readonly vsa?: string;
  readonly predicate?: string;
  readonly type?: string;
}

export type AttestImageOptions = SigningOptions & AttestOptions;

/** A file of that name is written ./made. */
const made = "made";

function usage(code: string, message: string, remedy: string): Failure {
  return new Failure({ code, kind: "usage", message, remedy });
}

function documentsOf(options: AttestOptions): AttestDocument[] {
  const { provenance = [], sbom = [], manifest, rebuild = [], scan = [], vsa, predicate, type } = options;
  const documents = [
    ...provenance.filter((file) => file !== made).map((file) => readAttestDocument("provenance", file)),
    ...sbom.map((file) => readAttestDocument("sbom", file)),
    ...(manifest === undefined ? [] : [readAttestDocument("manifest", manifest)]),
    ...rebuild.map((file) => readAttestDocument("rebuild", file)),
    ...scan.map((file) => readAttestDocument("scan", file)),
    ...(vsa === undefined ? [] : [readAttestDocument("vsa", vsa)]),
  ];
  if (predicate === undefined && type === undefined) return documents;
  if (predicate === undefined || type === undefined) {
    throw usage(
      "ATTEST_TYPE_MISSING",
      "A predicate of another kind needs both a file and its type.",
      "Give --predicate <file> and --type <uri> together.",
    );
  }
  return [...documents, readAttestDocument("custom", predicate, customType(type))];
}

/** A type of one's own: a URI, and none that has rules here, which --predicate would get around. */
function customType(type: string): string {
  const known = Object.values(predicateTypes).some((one) => type === one || type.startsWith(`${one}/`));
  if (known) {
    throw usage(
      "ATTEST_TYPE_RESERVED",
      `The predicate type ${type} has an option of its own here, which checks it.`,
      "Use --provenance, --sbom, --manifest, --rebuild, --scan or --vsa, or sign-image for a signature.",
    );
  }
  if (/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/.test(type) && type.length <= 1024) return type;
  throw usage(
    "ATTEST_TYPE_INVALID",
    "The predicate type is not a URI.",
    "Write a URI, as https://example.com/checks/v1.",
  );
}

function provenanceOf({ provenance = [], attribute, flakeLock }: AttestOptions): ProvenanceToMake | undefined {
  const toMake = provenance.includes(made);
  if (toMake && attribute !== undefined && attribute !== "" && flakeLock !== undefined) {
    return { attribute, lock: readLock(flakeLock) };
  }
  if (!toMake && attribute === undefined && flakeLock === undefined) return undefined;
  throw usage(
    "PROVENANCE_INCOMPLETE",
    toMake
      ? "Provenance can't be made without the attribute and the lock file of the build."
      : "--attribute and --flake-lock are for provenance that is made.",
    "Give --provenance (without a file), --attribute <name> and --flake-lock <file> together.",
  );
}

function whatOf({ kind, platform }: AttestedStatement): string {
  return platform === undefined ? kind : `${kind} (${platform})`;
}

/** The action of `attest-image`. */
export async function attestImageAction(
  text: string,
  options: AttestImageOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { provenance, attribute, flakeLock, sbom, manifest, rebuild, scan, vsa, predicate, type, ...signing } = options;
  const given = { provenance, attribute, flakeLock, sbom, manifest, rebuild, scan, vsa, predicate, type };
  const attest: AttestOptions = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const reference = parseReference(text);
  const documents = documentsOf(attest);
  const toMake = provenanceOf(attest);
  const request = { reference, documents, ...(toMake === undefined ? {} : { provenance: toMake }) };
  assertSomething(request);
  const signer = await signerOf(signing, context);
  const client = openRegistry(context.environment, context.signal);
  const { resolved, published } = await attestImage(client, signer, request);
  const repository = resolved.slice(0, resolved.indexOf("@"));
  const statements = published.map((one) => ({
    ...one,
    verify: cosignCommand(
      signer,
      signing,
      ["verify-attestation", "--type", one.predicateType],
      `${repository}@${one.subject}`,
    ),
  }));
  return {
    exitCode: exitCodes.done,
    lines: [
      ...signerLines(signer),
      `✓ ${resolved}`,
      ...published.flatMap((one) => [statementLine(whatOf(one), one), ...one.notes.map((note) => `    note: ${note}`)]),
      ...verifyLines(signer, resolved, [...new Set(statements.map(({ verify }) => verify))]),
    ],
    document: { ok: true, signer: signerDocument(signer), resolved, statements },
  };
}
