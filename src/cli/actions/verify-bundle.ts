import { Failure } from "../../core/failure.ts";
import { legible } from "../../core/legible.ts";
import type { KeyedArtifactBundle, VerifiedArtifactBundle } from "../../core/sigstore/contract.ts";
import { verifyBundleFile } from "../../operations/verify-bundle.ts";
import type { ExpectedSigner } from "../../operations/verify-bundle.ts";
import { drawFindings } from "../../report/chain-tree.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";

export interface VerifyBundleOptions {
  readonly bundle?: string;
  readonly certificateIdentity?: string;
  readonly certificateOidcIssuer?: string;
  readonly key?: string;
  readonly trustedRoot?: string;
  readonly staging?: true;
}

/** An identity with its issuer, or a key: never both, never neither. What is blank is refused later, as what it is. */
function signerOf({
  certificateIdentity: subject,
  certificateOidcIssuer: issuer,
  key,
}: VerifyBundleOptions): ExpectedSigner {
  if (key !== undefined && subject === undefined && issuer === undefined) return { kind: "key", file: key };
  if (key === undefined && subject !== undefined && issuer !== undefined)
    return { kind: "identity", identity: { issuer, subject } };
  throw new Failure({
    code: "SIGNER_AMBIGUOUS",
    kind: "usage",
    message:
      key === undefined
        ? "It is not said whole who must have signed the bundle."
        : "Both a key and an identity are given, but a bundle is signed by one of the two.",
    remedy: "Give --certificate-identity and --certificate-oidc-issuer, or --key alone.",
  });
}

/** What is proven, in words; claims come from the bundle, so that they are made legible. */
function provenLines(bundle: VerifiedArtifactBundle | KeyedArtifactBundle): string[] {
  const signer =
    "claims" in bundle
      ? [`signer     ${bundle.claims.subjectAlternativeName}`, `issuer     ${bundle.claims.issuer}`]
      : [`key        sha256:${bundle.key}`];
  const times = bundle.times.map(
    ({ source, time }) => `${time.toISOString()} (${source === "tsa" ? "authority" : "log"})`,
  );
  return [
    ...signer,
    ...(bundle.predicateType === undefined ? [] : [`predicate  ${bundle.predicateType}`]),
    `time       ${times.length === 0 ? "none that is signed" : times.join(", ")}`,
    `logs       ${bundle.logs.map((log) => log.slice(0, 16)).join(", ")}`,
  ].map((line) => `  ${legible(line)}`);
}

function provenDocument({ content, ...bundle }: VerifiedArtifactBundle | KeyedArtifactBundle): unknown {
  const signed = content.kind === "message" ? content : { kind: content.kind, payloadType: content.payloadType };
  return { ok: true, ...bundle, content: signed };
}

export async function verifyBundleAction(
  artifact: string,
  options: VerifyBundleOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { bundle, trustedRoot } = options;
  if (bundle === undefined) {
    throw new Failure({
      code: "BUNDLE_NOT_NAMED",
      kind: "usage",
      message: "It is not said which bundle to verify.",
      remedy: "Name the bundle's file with --bundle.",
    });
  }
  const result = await verifyBundleFile({
    bundle,
    signer: signerOf(options),
    artifact,
    ...(trustedRoot === undefined ? {} : { trustedRoot }),
    staging: options.staging === true,
    checkout: context.directories.checkout,
    now: context.now(),
    signal: context.signal,
  });
  if (result.ok) {
    return {
      exitCode: exitCodes.done,
      lines: [`✓ verified: ${legible(artifact)}`, ...provenLines(result.proof)],
      document: provenDocument(result.proof),
    };
  }
  return {
    exitCode: exitCodes.refused,
    lines: [`✗ refused: ${legible(artifact)}`, ...drawFindings(result.findings)],
    document: { ok: false, findings: result.findings },
  };
}
