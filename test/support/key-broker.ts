import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BrokerSettings, ReferenceValues, SignerRelease } from "../../src/core/compile/key-broker/compile.ts";
import { keyBrokerPins } from "../../components/key-broker/args.ts";
import { pinsSchema } from "../../src/core/pins/pins.ts";
import type { Pins } from "../../src/core/pins/pins.ts";
import { policyDigest } from "../../src/core/policy/policy-digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import type { ReleaseData, VerifiedRelease } from "../../src/core/release/verified-release.ts";
import { sampleDigest, samplePolicy } from "./policies.ts";
import { sampleReleaseData, sampleVerifiedRelease } from "./releases.ts";

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

/** The stack's settings of a broker with a volume, a gateway and a given certificate, before they are parsed. */
export const brokerSettingsFields = {
  name: "kbs",
  namespace: "neko-trust-kbs",
  trustee: { kind: "built-in", volume: { size: "1Gi", storageClass: "premium-rwo" } },
  tls: { kind: "given" },
  tee: caseSettings.tee,
  collateral: {
    service: "https://pccs.neko-trust-pccs.svc:8081/sgx/certification/v4/",
    update: "standard",
    peers: [{ namespace: "neko-trust-pccs", pods: { app: "pccs" } }],
    port: 8081,
  },
  tokenMinutes: 5,
  credential: { type: "credential", tag: "registry", rotated: "2026-11-01" },
  admin: { issuer: "neko-trust", audience: "kbs", role: "kbs-admin", minutes: 20, publication: 1 },
  network: {
    clients: [{ cidr: "10.8.0.0/24" }, { namespace: "gateway-system", pods: { app: "gateway" } }],
    dns: { namespace: "kube-system", pods: { "k8s-app": "kube-dns" } },
  },
  gateway: { name: "public", namespace: "gateway-system", section: "https", hostname: "kbs.example.org" },
  resources: { cpu: "250m", memory: "512Mi" },
  onDestroy: "keep",
};

/** The same with a database; `split` needs secrets.postgresUrl. */
export const splitTrustee = {
  kind: "split",
  replicas: 3,
  postgres: { peers: [{ cidr: "10.9.0.0/29" }], port: 5432 },
};

export const brokerPins: Pins = pinsSchema.parse({
  schema: 1,
  images: [...keyBrokerPins.builtIn, ...keyBrokerPins.split]
    .filter((name, index, all) => all.indexOf(name) === index)
    .map((name, index) => ({
      name,
      repository: `ghcr.io/example/${name}`,
      version: "v0.21.0",
      digest: sampleDigest(index.toString(16)),
    })),
  charts: [],
  actions: [],
  plugins: [],
});

/** A release of the signer as verifyRelease would give it, with the measurements of the cases. */
export function signerVerifiedRelease(changes: Partial<ReleaseData> = {}): VerifiedRelease {
  const policy = signerPolicy();
  const [{ digest } = assertNever()] = caseReleases;
  const data = sampleReleaseData(digest, {
    repository: signerRepository,
    policyName: policy.name,
    policyDigest: policyDigest(policy),
    ...changes,
  });
  const measurements = { model: "tdx", ...caseMeasurements.one };
  return sampleVerifiedRelease(digest, { ...data, manifest: { ...data.manifest, measurements }, ...changes });
}

function assertNever(): never {
  throw new Error("there is no case");
}
