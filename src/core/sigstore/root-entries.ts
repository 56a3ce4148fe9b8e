import { TrustedRoot } from "@sigstore/protobuf-specs";
import type { CertificateAuthority, TransparencyLogInstance } from "@sigstore/protobuf-specs";
import { sha256Hex } from "../oci/digest.ts";
import { proven } from "../verify/finding.ts";
import type { Checked } from "../verify/finding.ts";
import { readTrustedRoot } from "./trusted-root.ts";

/** A log or authority of a trusted root, as people compare it. */
export interface RootEntry {
  readonly kind: "transparency log" | "certificate log" | "certificate authority" | "time-stamp authority";
  /** A log's id; of an authority SHA-256 of its certificates, in their order. Hex. */
  readonly id: string;
  /** Base URL or URI; of an authority without one its name. */
  readonly name: string;
  /** Who runs it: what the root says, else the host of its address. */
  readonly operator: string;
  /** When its key's validity begins, ISO 8601. */
  readonly start: string;
  /** Inclusive; left out while it is in use. */
  readonly end?: string;
}

/** What a new root does with an entry. */
export interface RootChange {
  readonly change: "added" | "removed" | "changed" | "same";
  /** As it is afterwards; of a removed one as it was. */
  readonly entry: RootEntry;
  /** As it was, when it changed. */
  readonly before?: RootEntry;
  /** Set where the new root accepts signatures of a time that the old one did not: an end was taken back, or a start. */
  readonly widened?: true;
}

/** The logs and authorities of a trusted root, which is read as strictly as for a verification. */
export function rootEntries(bytes: Uint8Array): Checked<readonly RootEntry[]> {
  const read = readTrustedRoot(bytes);
  if (!read.ok) return read;
  const root = TrustedRoot.fromJSON(JSON.parse(new TextDecoder().decode(bytes)));
  return proven([
    ...root.tlogs.map((log) => logEntry("transparency log", log)),
    ...root.ctlogs.map((log) => logEntry("certificate log", log)),
    ...root.certificateAuthorities.map((authority) => authorityEntry("certificate authority", authority)),
    ...root.timestampAuthorities.map((authority) => authorityEntry("time-stamp authority", authority)),
  ]);
}

function logEntry(kind: RootEntry["kind"], log: TransparencyLogInstance): RootEntry {
  return {
    kind,
    id: (log.logId?.keyId ?? Buffer.alloc(0)).toString("hex"),
    name: log.baseUrl,
    operator: operatorOf(log.operator, log.baseUrl),
    ...windowOf(log.publicKey?.validFor),
  };
}

function authorityEntry(kind: RootEntry["kind"], authority: CertificateAuthority): RootEntry {
  const { organization = "", commonName = "" } = authority.subject ?? {};
  const certificates = authority.certChain?.certificates ?? [];
  const named = [organization, commonName].filter((part) => part !== "").join(", ");
  return {
    kind,
    id: sha256Hex(Buffer.concat(certificates.map(({ rawBytes }) => rawBytes))),
    name: authority.uri === "" ? named : authority.uri,
    operator: operatorOf(authority.operator, authority.uri),
    ...windowOf(authority.validFor),
  };
}

function windowOf(validFor: { start?: Date | undefined; end?: Date | undefined } | undefined): {
  start: string;
  end?: string;
} {
  // A root without a start was refused when it was read.
  const start = validFor?.start?.toISOString() ?? "";
  const end = validFor?.end?.toISOString();
  return end === undefined ? { start } : { start, end };
}

function operatorOf(said: string, address: string): string {
  if (said !== "") return said;
  return URL.canParse(address) ? new URL(address).host : address;
}

/** What changes from one root to the next, in the order of the new one; what is removed comes last. */
export function rootChanges(before: readonly RootEntry[], after: readonly RootEntry[]): RootChange[] {
  const left = [...before];
  const take = (match: (entry: RootEntry) => boolean): RootEntry | undefined => {
    const index = left.findIndex(match);
    return index < 0 ? undefined : left.splice(index, 1)[0];
  };
  // Equal entries are paired first: one key may stand there twice, for two windows.
  const same = new Set(after.filter((entry) => take((other) => isEqual(entry, other)) !== undefined));
  const changes = after.map((entry): RootChange => {
    if (same.has(entry)) return { change: "same", entry };
    const old = take(({ kind, id }) => kind === entry.kind && id === entry.id);
    if (old === undefined) return { change: "added", entry };
    return { change: "changed", entry, before: old, ...(widens(old, entry) ? { widened: true } : {}) };
  });
  return [...changes, ...left.map((entry): RootChange => ({ change: "removed", entry }))];
}

function isEqual(a: RootEntry, b: RootEntry): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function widens(before: RootEntry, after: RootEntry): boolean {
  const endOf = ({ end }: RootEntry): number => (end === undefined ? Infinity : Date.parse(end));
  return endOf(after) > endOf(before) || Date.parse(after.start) < Date.parse(before.start);
}
