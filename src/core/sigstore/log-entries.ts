import type { TransparencyLogEntry } from "@sigstore/bundle";
import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { parsePlainly } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";
import type { TrustedTime } from "./contract.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";

/**
 * What the verification library does not compare about a log entry: that it was made with this very certificate
 * or key (the class of CVE-2026-22703), that the proof's numbers are those of the signed checkpoint, that the log's key was
 * valid when the signature was made although the entry itself carries no time (GHSA-wqqc-jjcq-vfxm).
 */

const word = z.string().max(256 * 1024);
// protobuf-specs, rekor/v2/verifier.proto: one of the two.
const verifierV2 = z.lazy(() => {
  const raw = z.strictObject({ rawBytes: word }).nullish();
  return z.looseObject({ x509Certificate: raw, publicKey: raw });
});

// Rekor's entry types, only where the verifier lies; the library checks the rest. Lazy, as a release's entries are of one.
const dsseV1 = z.lazy(() => z.looseObject({ signatures: z.array(z.looseObject({ verifier: word })).length(1) }));
const intotoV1 = z.lazy(() =>
  z.looseObject({
    content: z.looseObject({
      envelope: z.looseObject({ signatures: z.array(z.looseObject({ publicKey: word })).length(1) }),
    }),
  }),
);
const hashedRekordV1 = z.lazy(() =>
  z.looseObject({ signature: z.looseObject({ publicKey: z.looseObject({ content: word }) }) }),
);
const dsseV2 = z.lazy(() =>
  z.looseObject({
    dsseV002: z.looseObject({ signatures: z.array(z.looseObject({ verifier: verifierV2 })).length(1) }),
  }),
);
const hashedRekordV2 = z.lazy(() =>
  z.looseObject({ hashedRekordV002: z.looseObject({ signature: z.looseObject({ verifier: verifierV2 }) }) }),
);
const body = z.looseObject({ spec: z.unknown() });

/** Whom an entry names as the signer: a certificate, or a public key (SubjectPublicKeyInfo), in DER. */
export interface EntryVerifier {
  readonly kind: "certificate" | "key";
  readonly der: Uint8Array;
}

/** What an entry of a supported kind names, or undefined when it names neither or both. */
const verifierOf: Readonly<Record<string, (spec: unknown) => EntryVerifier | undefined>> = {
  "dsse 0.0.1": (spec) => pemInBase64(parsePlainly(dsseV1, spec).signatures[0]?.verifier),
  "intoto 0.0.2": (spec) => pemInBase64(parsePlainly(intotoV1, spec).content.envelope.signatures[0]?.publicKey),
  "hashedrekord 0.0.1": (spec) => pemInBase64(parsePlainly(hashedRekordV1, spec).signature.publicKey.content),
  "dsse 0.0.2": (spec) => oneOf(parsePlainly(dsseV2, spec).dsseV002.signatures[0]?.verifier),
  "hashedrekord 0.0.2": (spec) => oneOf(parsePlainly(hashedRekordV2, spec).hashedRekordV002.signature.verifier),
};

function oneOf(verifier: z.infer<typeof verifierV2> | undefined): EntryVerifier | undefined {
  const { x509Certificate: certificate, publicKey } = verifier ?? {};
  const only = certificate ?? publicKey;
  const der = (certificate && publicKey) || !only ? undefined : decodeBase64(only.rawBytes);
  return der === undefined ? undefined : { kind: certificate ? "certificate" : "key", der };
}

const pem = /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----\n([A-Za-z0-9+/=\n]+)\n-----END \1-----\n?$/;

function pemInBase64(text: string | undefined): EntryVerifier | undefined {
  const match = pem.exec(decodeBase64(text ?? "")?.toString("latin1") ?? "");
  const der = match?.[2] === undefined ? undefined : decodeBase64(match[2].replaceAll("\n", ""));
  return der === undefined ? undefined : { kind: match?.[1] === "CERTIFICATE" ? "certificate" : "key", der };
}

/** What is wrong with the entry, beyond what the library finds; undefined when nothing is. */
export function logEntryFault(
  entry: TransparencyLogEntry,
  signer: EntryVerifier,
  root: TrustedRootMaterial,
  times: readonly TrustedTime[],
): string | undefined {
  return signerFault(entry, signer) ?? proofFault(entry) ?? windowFault(entry, root, times);
}

function signerFault(entry: TransparencyLogEntry, signer: EntryVerifier): string | undefined {
  const kind = `${entry.kindVersion.kind} ${entry.kindVersion.version}`;
  const read = Object.hasOwn(verifierOf, kind) ? verifierOf[kind] : undefined;
  if (read === undefined) return `an entry of the unknown kind ${JSON.stringify(kind)}`;
  const json = parseStrictJson(entry.canonicalizedBody, { maxBytes: 32 * 1024 * 1024 });
  if (!json.ok) return `an entry that is not JSON: ${json.problem.reason}`;
  let verifier: EntryVerifier | undefined;
  try {
    verifier = read(parsePlainly(body, json.value).spec);
  } catch {
    return `an entry of kind ${kind} that names no ${signer.kind}`;
  }
  if (verifier?.kind !== signer.kind || !Buffer.from(verifier.der).equals(signer.der))
    return `an entry for another ${signer.kind}`;
  return undefined;
}

/** The last moment of a Date: what the library sets for a window without an end. */
const endOfTime = 8_640_000_000_000_000;

/** Rekor v2's entries carry no time and no promise, and have one index only. */
function isVersion2(entry: TransparencyLogEntry): boolean {
  return entry.kindVersion.version === "0.0.2" && entry.kindVersion.kind !== "intoto";
}

function proofFault(entry: TransparencyLogEntry): string | undefined {
  const proof = entry.inclusionProof;
  if (proof === undefined) return isVersion2(entry) ? "an entry without a proof of inclusion" : undefined;
  if (isVersion2(entry) && entry.logIndex !== proof.logIndex)
    return `index ${entry.logIndex}, but a proof for ${proof.logIndex}`;
  const checkpoint = /^[^\n]*\n([0-9]+)\n([^\n]+)\n(?:[^\n]+\n)*\n((?:\u2014 \S+ \S+\n)+)$/.exec(
    proof.checkpoint?.envelope ?? "",
  );
  const [, size, hash, signatures] = checkpoint ?? [];
  if (size === undefined || hash === undefined || signatures === undefined) return "a malformed checkpoint";
  if (size !== proof.treeSize || decodeBase64(hash)?.equals(proof.rootHash) !== true)
    return "a proof for another tree than its checkpoint's";
  const lines = signatures.trimEnd().split("\n");
  if (lines.some((line) => decodeBase64(line.split(" ")[2] ?? "") === undefined))
    return "a malformed checkpoint signature";
  return undefined;
}

/**
 * The library checks the window of a log's key only against a promise's time. Without any trusted time (a given key's
 * signature may have none), only a log counts whose key's validity has no end: it can't be said to have signed in time.
 */
function windowFault(
  entry: TransparencyLogEntry,
  root: TrustedRootMaterial,
  times: readonly TrustedTime[],
): string | undefined {
  const logs = root.material.tlogs.filter((log) => log.logID.equals(entry.logId.keyId));
  const within = (time: Date): boolean => logs.some((log) => log.validFor.start <= time && time <= log.validFor.end);
  if (times.length === 0 && !logs.some((log) => log.validFor.end.getTime() >= endOfTime))
    return "a log whose key is valid for a limited time, and no trusted time";
  const outside = times.find(({ time }) => !within(time));
  return outside === undefined ? undefined : `a log whose key is not valid at ${outside.time.toISOString()}`;
}
