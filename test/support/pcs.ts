import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { writeCollateral } from "../../lab/tdx/collateral-writer.ts";
import type { CollateralChanges } from "../../lab/tdx/collateral-writer.ts";
import { startPcsServer } from "../../lab/tdx/pcs-server.ts";
import type { PcsAnswer, PcsServerOptions } from "../../lab/tdx/pcs-server.ts";
import { createTdxPki } from "../../lab/tdx/pki.ts";
import { labTdReport } from "../../lab/tdx/platform.ts";
import { writeQuote } from "../../lab/tdx/quote-writer.ts";
import { createPcsSource } from "../../src/adapters/intel-pcs/pcs-source.ts";
import type { PcsSettings } from "../../src/adapters/intel-pcs/pcs-source.ts";
import { toCollateralFile } from "../../src/core/tdx/collateral.ts";
import type { Collateral } from "../../src/core/tdx/contract.ts";

const start = new Date("2026-11-01T00:00:00Z");
export const day = 24 * 3600 * 1000;
export const after = (days: number): Date => new Date(start.getTime() + days * day);
export const pki = createTdxPki({ now: new Date("2026-01-01T00:00:00Z") });
/** Whose collateral the service has. */
export const platform = { fmspc: pki.platform.fmspc, ca: "platform" } as const;
const zeros = "0".repeat(96);
export const measurements = { mrtd: zeros, rtmr0: zeros, rtmr1: zeros, rtmr2: zeros, rtmr3: zeros };
export const quote = writeQuote(pki, labTdReport(measurements, Buffer.alloc(64)));

/** As Intel would write it on that day, for 30 days. */
export const issued = (days: number, changes: CollateralChanges = {}) =>
  writeCollateral(pki, { issued: after(days), nextUpdate: after(days + 30) }, changes);
export const evaluation = (number: number) => (document: Record<string, unknown>) => ({
  ...document,
  tcbEvaluationDataNumber: number,
});

/** Byte for byte, whatever holds the bytes. */
export function assertSame(found: Collateral, expected: Collateral): void {
  assert.deepEqual(toCollateralFile(found), toCollateralFile(expected));
}

/** A service whose answers can be changed, and a source whose clock can. */
export async function pcsRig(t: TestContext, changes: Partial<PcsServerOptions> & Partial<PcsSettings> = {}) {
  const cache = mkdtempSync(join(tmpdir(), "neko-trust-pcs-"));
  const state = { collateral: issued(0), now: after(1), change: (answer: PcsAnswer): PcsAnswer => answer };
  const server = await startPcsServer({
    platform,
    collateral: ({ fmspc }) => (fmspc === platform.fmspc ? state.collateral : undefined),
    change: (answer) => state.change(answer),
    ...changes,
  });
  t.after(async () => {
    await server.stop();
    rmSync(cache, { recursive: true });
  });
  const source = createPcsSource({
    addresses: server.addresses,
    update: "standard",
    trust: pki.trust,
    cache,
    now: () => state.now,
    retries: 0,
    ...changes,
  });
  return { source, server, state, cache };
}
