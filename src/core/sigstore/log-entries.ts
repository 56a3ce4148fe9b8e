import type { TransparencyLogEntry } from "@sigstore/bundle";
import { z } from "zod";
import { parseStrictJson } from "../json/strict-json.ts";
import { parsePlainly } from "../safe-parse.ts";
import { decodeBase64 } from "./base64.ts";
import type { TrustedTime } from "./contract.ts";
import type { TrustedRootMaterial } from "./trusted-root.ts";

/**
 * What the verification library does not compare about a log entry: that it was made with this very certificate
 * (the class of CVE-2026-22703), that the proof's numbers are those of the signed checkpoint, that the log's key was
 * valid when the signature was made although the entry itself carries no time (GHSA-wqqc-jjcq-vfxm).
 */

const word = z.string().max(256 * 1024);
const verifierV2 = z.looseObject({ x509Certificate: z.looseObject({ rawBytes: word }) });

// Rekor's entry types, only where the verifier's certificate lies; the library checks the rest.
const dsseV1 = z.looseObject({ signatures: z.array(z.looseObject({ verifier: word })).length(1) });
const intotoV1 = z.looseObject({
  content: z.looseObject({
    envelope: z.looseObject({ signatures: z.array(z.looseObject({ publicKey: word })).length(1) }),
  }),
});
const hashedRekordV1 = z.looseObject({ signature: z.looseObject({ publicKey: z.looseObject({ content: word }) }) });
const dsseV2 = z.looseObject({
  dsseV002: z.looseObject({ signatures: z.array(z.looseObject({ verifier: verifierV2 })).length(1) }),
});
const hashedRekordV2 = z.looseObject({
  hashedRekordV002: z.looseObject({ signature: z.looseObject({ verifier: verifierV2 }) }),
});
const body = z.looseObject({ spec: z.unknown() });

/** Certificate (DER) that the entry of a supported kind names, or undefined when it names none. */
const verifierOf: Readonly<Record<string, (spec: unknown) => Uint8Array | undefined>> = {
  "dsse 0.0.1": (spec) => pemInBase64(parsePlainly(dsseV1, spec).signatures[0]?.verifier),
  "intoto 0.0.2": (spec) => pemInBase64(parsePlainly(intotoV1, spec).content.envelope.signatures[0]?.publicKey),
  "hashedrekord 0.0.1": (spec) => pemInBase64(parsePlainly(hashedRekordV1, spec).signature.publicKey.content),
  "dsse 0.0.2": (spec) =>
    decodeBase64(parsePlainly(dsseV2, spec).dsseV002.signatures[0]?.verifier.x509Certificate.rawBytes ?? ""),
  "hashedrekord 0.0.2": (spec) =>
    decodeBase64(parsePlainly(hashedRekordV2, spec).hashedRekordV002.signature.verifier.x509Certificate.rawBytes),
};

function pemInBase64(text: string | undefined): Uint8Array | undefined {
  const pem = decodeBase64(text ?? "")?.toString("latin1");
  const match = /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)\n-----END CERTIFICATE-----\n?$/.exec(pem ?? "");
  return match?.[1] === undefined ? undefined : decodeBase64(match[1].replaceAll("\n", ""));
}

/** What is wrong with the entry, beyond what the library finds; undefined when nothing is. */
export function logEntryFault(
  entry: TransparencyLogEntry,
  leaf: Uint8Array,
  root: TrustedRootMaterial,
  times: readonly TrustedTime[],
): string | undefined {
  return certificateFault(entry, leaf) ?? proofFault(entry) ?? windowFault(entry, root, times);
}

function certificateFault(entry: TransparencyLogEntry, leaf: Uint8Array): string | undefined {
  const kind = `${entry.kindVersion.kind} ${entry.kindVersion.version}`;
  const read = Object.hasOwn(verifierOf, kind) ? verifierOf[kind] : undefined;
  if (read === undefined) return `an entry of the unknown kind ${JSON.stringify(kind)}`;
  const json = parseStrictJson(entry.canonicalizedBody, { maxBytes: 32 * 1024 * 1024 });
  if (!json.ok) return `an entry that is not JSON: ${json.problem.reason}`;
  let verifier: Uint8Array | undefined;
  try {
    verifier = read(parsePlainly(body, json.value).spec);
  } catch {
    return `an entry of kind ${kind} that names no certificate`;
  }
  if (verifier === undefined || !Buffer.from(verifier).equals(leaf)) return "an entry for another certificate";
  return undefined;
}

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

/** The library checks the window of a log's key only against a promise's time. */
function windowFault(
  entry: TransparencyLogEntry,
  root: TrustedRootMaterial,
  times: readonly TrustedTime[],
): string | undefined {
  const logs = root.material.tlogs.filter((log) => log.logID.equals(entry.logId.keyId));
  const within = (time: Date): boolean => logs.some((log) => log.validFor.start <= time && time <= log.validFor.end);
  const outside = times.find(({ time }) => !within(time));
  return outside === undefined ? undefined : `a log whose key is not valid at ${outside.time.toISOString()}`;
}
