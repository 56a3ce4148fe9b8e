import { createHash, createPublicKey, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { QuoteVerifier } from "@phala/dcap-qvl";
import { chainShapes, readChain } from "../../src/core/tdx/certificate-chain.ts";
import { toCollateralFile } from "../../src/core/tdx/collateral.ts";
import type { Collateral, QuoteTrust } from "../../src/core/tdx/contract.ts";
import { parseQuote } from "../../src/core/tdx/quote.ts";
import { verifyQuote } from "../../src/core/tdx/verify-quote.ts";
import { createTdxPki } from "../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../lab/tdx/platform.ts";
import type { BenchEntry, Contestant, Prepared } from "../entry.ts";

/** Verification of TDX quotes, under collateral that was verified before: as a watcher or an admission webhook does it. */
export const entries: readonly BenchEntry[] = [
  {
    name: "quote-floor",
    title: "200 TDX quotes verified with warm collateral, and their signature checks and hashes alone",
    prepare: async () => {
      const lab = await labQuotes();
      const reference = { kind: "floor", label: "signature checks and hashes alone", run: floorOf(lab) } as const;
      return ready(lab, reference, 1.5);
    },
  },
  {
    name: "quote-peer",
    title: "200 TDX quotes verified with warm collateral, and by @phala/dcap-qvl",
    prepare: async () => {
      const lab = await labQuotes();
      return ready(lab, { kind: "peer", label: "@phala/dcap-qvl", run: peerOf(lab) }, 1);
    },
  },
];

const quoteCount = 200;
const at = new Date("2026-11-01T12:00:00Z");

interface LabQuotes {
  readonly quotes: readonly Uint8Array[];
  readonly collateral: Collateral;
  readonly trust: QuoteTrust;
  readonly root: Uint8Array;
}

/** Quotes over different report data, so that none is known before it is verified. */
async function labQuotes(): Promise<LabQuotes> {
  const pki = createTdxPki({ now: at });
  const register = "00".repeat(48);
  const measurements = { mrtd: register, rtmr0: register, rtmr1: register, rtmr2: register, rtmr3: register };
  const platform = simulatePlatform({ pki, measurements, eventLog: new Uint8Array(), now: () => at });
  const quotes: Uint8Array[] = [];
  for (let index = 0; index < quoteCount; index++) {
    const reportData = createHash("sha512").update(`${index}`).digest();
    quotes.push((await platform.attest(reportData)).quote);
  }
  const [first = new Uint8Array()] = quotes;
  return { quotes, collateral: await platform.collateralFor(first), trust: platform.trust, root: pki.root.certificate };
}

function ready(lab: LabQuotes, reference: Extract<Prepared, { kind: "ready" }>["reference"], limit: number): Prepared {
  const { quotes, collateral, trust } = lab;
  const run: Contestant["run"] = () => {
    for (const quote of quotes) {
      const verdict = verifyQuote(quote, collateral, { at, trust });
      if (!verdict.ok) throw new Error(`refused: ${verdict.faults[0].code}`);
    }
    return Promise.resolve(undefined);
  };
  return { kind: "ready", ours: [{ label: "verifyQuote", run }], reference, limit };
}

/**
 * What no memory can spare: the attestation key made, the QE report's and the quote's signatures, the key's binding. The platform's
 * chain is known, as it is to verifyQuote from the second quote on; places are known beforehand.
 */
function floorOf({ quotes, trust }: LabQuotes): Contestant["run"] {
  const jobs = quotes.map((quote) => {
    const parsed = parseQuote(quote);
    const chain = parsed.ok ? readChain(parsed.value.certificates, chainShapes.pck, "PCK", trust) : parsed;
    if (!parsed.ok || !chain.ok) throw new Error("the lab's quote can't be read");
    const { leaf } = chain.value;
    const { attestationKey, qe, signed, signature } = parsed.value;
    const spki = Buffer.concat([leaf.spki.subarray(0, -64), attestationKey]);
    return { pck: leaf.key, spki, attestationKey, qe, signed, signature };
  });
  const keyOf = (spki: Uint8Array): KeyObject =>
    createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  return () => {
    for (const { pck, spki, attestationKey, qe, signed, signature } of jobs) {
      const binding = createHash("sha256").update(attestationKey).update(qe.authenticationData).digest();
      const holds =
        verify("sha256", qe.report, { key: pck, dsaEncoding: "ieee-p1363" }, qe.signature) &&
        binding.equals(qe.reportData.subarray(0, 32)) &&
        verify("sha256", signed, { key: keyOf(spki), dsaEncoding: "ieee-p1363" }, signature);
      if (!holds) throw new Error("a signature of the lab does not hold");
    }
    return Promise.resolve(undefined);
  };
}

function peerOf({ quotes, collateral, root }: LabQuotes): Contestant["run"] {
  const verifier = QuoteVerifier.newWithRootCa(Buffer.from(root));
  const file = toCollateralFile(collateral);
  const seconds = at.getTime() / 1000;
  return () => {
    for (const quote of quotes) {
      const { status } = verifier.verify(quote, file, seconds);
      if (status !== "UpToDate") throw new Error(`the peer says ${status}`);
    }
    return Promise.resolve(undefined);
  };
}
