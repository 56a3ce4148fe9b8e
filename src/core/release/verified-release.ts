import type { Digest } from "../oci/digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { TcbStatus, TdMeasurements } from "../tdx/contract.ts";
import type { ReleaseManifest } from "./manifest.ts";
import { Failure } from "../failure.ts";

/** One statement that counted, for the chain that reports show. */
export interface ProvenStatement {
  readonly kind: "signature" | "manifest" | "provenance" | "sbom" | "rebuild" | "scan";
  /** Index or platform digest. */
  readonly subject: Digest;
  /** Digest of the referrer that carries the bundle. */
  readonly referrer: Digest;
  readonly predicateType: string;
  readonly signer: string;
  readonly identity: string;
  /** When it was signed, by a trusted time, ISO 8601. */
  readonly signedAt: string;
  readonly logs: readonly string[];
  /** Set when it has cosign's older form, which the policy allows. */
  readonly legacy?: true;
}

/** The rebuilds of one platform that count: their statements are among the release's. */
export interface PlatformRebuilds {
  readonly platform: string;
  readonly digest: Digest;
  /** How many distinct operators the policy demands. */
  readonly demanded: number;
  /** Rebuilders that got the same bytes, by id; several may belong to one operator. */
  readonly rebuilders: readonly { readonly id: string; readonly operator: string; readonly provider: string }[];
  /** Distinct operators among them. */
  readonly operators: number;
  /** Distinct providers that all of them ran at: 1 is one failure domain, however many operators there are. */
  readonly failureDomains: number;
}

/** The attested signature that counted, and what was proven of the machine that made it. */
export interface ProvenTee {
  /** Digest of the referrer that carries it. */
  readonly referrer: Digest;
  /** The release of the signer whose measurements the machine has. */
  readonly signerRelease: Digest;
  /** Digest of the policy that the signer verified the image under. */
  readonly policy: Digest;
  /** `kbs-key`: the key is the broker's, whose operator can sign with it elsewhere. */
  readonly key: "ephemeral" | "kbs-key";
  /** SHA-256 of the key's SPKI: what `tee.revoked` lists to take back what it signed, under whatever referrer it hangs. */
  readonly keyDigest: Digest;
  /** Trusted times, ISO 8601: between them the quote was made. */
  readonly challengedAt: string;
  readonly signedAt: string;
  /** The machine: PPID and FMSPC in hex; whether the policy lists its PPID. */
  readonly platform: { readonly ppid: string; readonly fmspc: string; readonly bound: boolean };
  readonly measurements: TdMeasurements;
  /** Intel's verdict when it signed. */
  readonly tcb: {
    readonly status: TcbStatus;
    readonly date: string;
    readonly advisories: readonly string[];
    readonly evaluation: number;
  };
  /** Intel's verdict of today, where its collateral of today was given, and until when that is good. It decides nothing. */
  readonly today?: ProvenTee["tcb"] & { readonly until: string };
  /** What does not refuse, but should be known, in words. */
  readonly notes: readonly string[];
}

/** Plain data of a verified release: safe to copy, log and serialise; proves nothing on its own. */
export interface ReleaseData {
  readonly repository: string;
  readonly digest: Digest;
  readonly manifest: ReleaseManifest;
  readonly policyName: string;
  /** SHA-256 of the policy's RFC 8785 form: a policy's name alone says little. */
  readonly policyDigest: Digest;
  readonly environment: TrustPolicy["environment"];
  readonly statements: readonly ProvenStatement[];
  /** Per platform; empty when the policy lists no rebuilder. */
  readonly rebuilds: readonly PlatformRebuilds[];
  /** Only under a policy with `tee`. */
  readonly tee?: ProvenTee;
  /** Platforms whose NAR hash was recomputed from the registry's blobs. */
  readonly recomputed: readonly string[];
  /** Exceptions of the policy that this release needed (a rollback, a VEX statement), in words. */
  readonly exceptions: readonly string[];
  /** What was not recomputed here and is only claimed, in words. */
  readonly claimed: readonly string[];
}

/** What a release is known by before anything is proven. */
export type PlannedData = Pick<ReleaseData, "repository" | "digest" | "policyName" | "policyDigest" | "environment">;

const verified = new WeakSet();

/**
 * Proof that verifyRelease accepted a release. Only `mintVerifiedRelease`, which the import rules leave to
 * verify-release.ts, makes one; a cast, a JSON copy or an object of the same shape is refused by `assertVerified`.
 */
export class VerifiedRelease {
  readonly #data: ReleaseData;

  constructor(data: ReleaseData, mint: typeof mintKey) {
    if (mint !== mintKey) throw new TypeError("a VerifiedRelease is made by verifyRelease only");
    this.#data = data;
    verified.add(this);
    // No property of the instance may shadow the getter.
    Object.freeze(this);
  }

  get data(): ReleaseData {
    return this.#data;
  }
}

const mintKey = Symbol("mint");

export function mintVerifiedRelease(data: ReleaseData): VerifiedRelease {
  return new VerifiedRelease(deeplyFrozen(structuredClone(data)), mintKey);
}

/** What was proven stays what it was: nobody who gets the data can change it for the next reader. */
function deeplyFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    for (const part of Object.values(value)) deeplyFrozen(part);
    Object.freeze(value);
  }
  return value;
}

/**
 * What an offline preview plans with when no registry can be asked: the digest that the stack names, nothing proven.
 * `assertUsable` throws unless the engine runs a preview.
 */
export class PlannedRelease {
  readonly #data: PlannedData;

  constructor(data: PlannedData) {
    this.#data = Object.freeze({ ...data });
    planned.add(this);
    Object.freeze(this);
  }

  get data(): PlannedData {
    return this.#data;
  }
}

const planned = new WeakSet();

// Nobody may replace the getters through which components read what was proven.
Object.freeze(VerifiedRelease.prototype);
Object.freeze(PlannedRelease.prototype);

/** What verifyRelease returned, or, in an offline preview, what it will be asked for. Never an Output, never a copy. */
export type UsableRelease = VerifiedRelease | PlannedRelease;

/** Returns the data of a release that was really verified in this process; throws RELEASE_NOT_VERIFIED otherwise. */
export function assertVerified(release: unknown): ReleaseData {
  if (release instanceof VerifiedRelease && verified.has(release)) return release.data;
  throw new Failure({
    code: "RELEASE_NOT_VERIFIED",
    kind: "refused",
    message:
      "A component was given something that verifyRelease did not return (a cast, a copy or an Output is not a proof).",
    remedy: "Pass the VerifiedRelease of verifyRelease itself, plain, in the same process.",
  });
}

/** As `assertVerified`, but lets a PlannedRelease through while the engine only previews. */
export function assertUsable(release: unknown, context: { readonly dryRun: boolean }): PlannedData {
  if (release instanceof PlannedRelease && planned.has(release)) {
    if (context.dryRun) return release.data;
    throw new Failure({
      code: "RELEASE_ONLY_PLANNED",
      kind: "refused",
      message: `${release.data.repository}@${release.data.digest} was planned offline and never verified; only a preview may use it.`,
      remedy: "Run the update with access to the registry, so that the release is verified first.",
    });
  }
  return assertVerified(release);
}
