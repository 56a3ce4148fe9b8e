import type { Certificate } from "./certificate.ts";
import type { QuoteTrust } from "./contract.ts";
import { chainShapes, intelNames, readChain } from "./certificate-chain.ts";
import type { Judged } from "./fault.ts";
import { readPlatformData } from "./pck-certificate.ts";
import { parseQuote } from "./quote.ts";

/** What Intel's service asks for, to say what it knows of a platform. */
export interface PlatformId {
  /** 12 hex digits, lower case. */
  readonly fmspc: string;
  /** Which authority certified the platform's key: its list is the one that counts. */
  readonly ca: "platform" | "processor";
}

/** Whose collateral a quote needs: by its PCK certificate, whose chain must end at the pinned root. Times are not looked at. */
export function identifyPlatform(quote: Uint8Array, trust: QuoteTrust): Judged<PlatformId> {
  const parsed = parseQuote(quote);
  if (!parsed.ok) return parsed;
  const chain = readChain(parsed.value.certificates, chainShapes.pck, "PCK certificate", trust);
  if (!chain.ok) return chain;
  const platform = readPlatformData(chain.value.leaf, "PCK certificate");
  if (!platform.ok) return platform;
  return { ok: true, value: { fmspc: platform.value.fmspc, ca: pckAuthority(chain.value.issuer) } };
}

/** Which of Intel's two authorities for PCK certificates this one is; chains let no other name pass. */
export function pckAuthority({ commonName }: Pick<Certificate, "commonName">): PlatformId["ca"] {
  return commonName === intelNames.platformCa ? "platform" : "processor";
}
