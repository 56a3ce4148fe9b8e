import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BrokerSettings, ReferenceValues, SignerRelease } from "../../src/core/compile/key-broker/compile.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { sampleDigest, samplePolicy } from "./policies.ts";

/** What the cases beside the compiler are written for: releases 1 (running) and 2 (next) of the signer's image. */
export const signerRepository = "ghcr.io/m1k1o/neko-signer";

const register = (digits: string): string => digits.repeat(48);

export const caseMeasurements = {
  one: { rtmr1: register("11"), rtmr2: register("12") },
  two: { rtmr1: register("21"), rtmr2: register("22") },
};

export const caseReleases: readonly SignerRelease[] = [
  { repository: signerRepository, digest: sampleDigest("1"), measurements: caseMeasurements.one },
  { repository: signerRepository, digest: sampleDigest("2"), measurements: caseMeasurements.two },
];

export const caseSettings: BrokerSettings = {
  attestationService: "built-in",
  tokenMinutes: 5,
  collateralService: "https://api.trustedservices.intel.com/sgx/certification/v4/",
  tcbUpdate: "standard",
  admin: { issuer: "neko-trust", audience: "kbs", role: "kbs-admin" },
  resources: [{ type: "credential", tag: "registry" }],
  tee: {
    mrtd: [register("a1")],
    rtmr0: [register("01")],
    tdAttributes: ["0000001000000000"],
    xfam: ["e700060000000000"],
    statuses: ["UpToDate"],
    advisoriesAllowed: ["INTEL-SA-00837"],
    minTcbDate: "2025-08-13T00:00:00Z",
    minEvaluation: 19,
    platforms: ["27e0ea63c5bc76685225c63a3d844170"],
  },
};

export function signerPolicy(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  const image = { name: "neko-signer", repository: signerRepository, mirrors: [], platforms: ["linux/amd64"] };
  return samplePolicy({ name: "neko-signer", images: [image], ...changes });
}

/** Claims that Trustee's verifier made of a quote, and the vector that the policy must make of them. */
export interface AttestationCase {
  readonly name: string;
  readonly why: string;
  readonly expect: { readonly executables: number; readonly hardware: number; readonly configuration: number };
  readonly claims: unknown;
  /** Instead of the compiled ones: what a broker has that was not published to, or not wholly. */
  readonly referenceValues?: Partial<ReferenceValues>;
}

/** An attestation result and a request, and whether the resource is released. */
export interface ResourceCase {
  readonly name: string;
  readonly why: string;
  readonly allow: boolean;
  readonly token: unknown;
  readonly request: Readonly<Record<string, unknown>>;
}

/** A KBS configuration, and the findings, as `CODE path`, in its first lines. */
export interface ConfigCase {
  readonly name: string;
  readonly toml: string;
  readonly finds: readonly string[];
}

const folder = fileURLToPath(new URL("../../src/core/compile/key-broker/cases/", import.meta.url));

function caseFiles(kind: string): { name: string; text: string }[] {
  return ["good", "bad"].flatMap((verdict) =>
    readdirSync(`${folder}${kind}/${verdict}`).map((file) => ({
      name: `${kind}/${verdict}/${file}`,
      text: readFileSync(`${folder}${kind}/${verdict}/${file}`, "utf8"),
    })),
  );
}

export function attestationCases(): AttestationCase[] {
  return caseFiles("attestation").map(({ name, text }) => ({
    ...(JSON.parse(text) as Omit<AttestationCase, "name">),
    name,
  }));
}

export function resourceCases(): ResourceCase[] {
  return caseFiles("resource").map(({ name, text }) => ({ ...(JSON.parse(text) as Omit<ResourceCase, "name">), name }));
}

export function configCases(): ConfigCase[] {
  return caseFiles("config").map(({ name, text }) => ({
    name,
    toml: text,
    finds: [...text.matchAll(/^# finds: (\S+ .+)$/gm)].map(([, finding = ""]) => finding),
  }));
}
