import assert from "node:assert/strict";
import { test } from "node:test";
import { writeCollateral } from "../../../../lab/tdx/collateral-writer.ts";
import { startPcsServer } from "../../../../lab/tdx/pcs-server.ts";
import { createPcsSource } from "../../../../src/adapters/intel-pcs/pcs-source.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { after, assertSame, evaluation, issued, pcsRig, pki, platform } from "../../../support/pcs.ts";

for (const part of ["tcbInfo", "qeIdentity"] as const) {
  test(`refuses an evaluation number of ${part} that goes back, again and again`, async (t) => {
    const { source, state } = await pcsRig(t);
    state.collateral = issued(0, { [part]: evaluation(21) });
    await source.collateralOf(platform);
    state.now = after(3);
    state.collateral = issued(2, { [part]: evaluation(20) });
    assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_ROLLBACK");
    assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_ROLLBACK");
    state.collateral = issued(2, { [part]: evaluation(22) });
    assertSame(await source.collateralOf(platform), state.collateral);
  });
}

test("keeps the newer of two answers, such as a list that revokes what an older one does not", async (t) => {
  const { source, state } = await pcsRig(t);
  const newer = issued(0.5, { revokedByCa: [Buffer.from([1])] });
  state.collateral = newer;
  await source.collateralOf(platform);
  state.now = after(3);
  state.collateral = issued(0);
  assertSame(await source.collateralOf(platform), newer);
  // Once nothing of it is valid any more, older statements are no way out.
  state.now = after(31);
  state.collateral = writeCollateral(pki, { issued: after(0), nextUpdate: after(90) });
  assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_ROLLBACK");
});

test("another address of the service does not make it forget the newest evaluation", async (t) => {
  const { source, state, cache } = await pcsRig(t);
  state.collateral = issued(0, { tcbInfo: evaluation(21) });
  await source.collateralOf(platform);
  state.now = after(3);
  const older = issued(2, { tcbInfo: evaluation(20) });
  const server = await startPcsServer({ platform, collateral: () => older });
  t.after(() => server.stop());
  const settings = { update: "standard", trust: pki.trust, cache, now: () => state.now, retries: 0 } as const;
  const elsewhere = createPcsSource({ ...settings, addresses: server.addresses });
  assert.equal(await failureCodeOf(elsewhere.collateralOf(platform)), "PCS_ROLLBACK");
});

test("statements below the floor are a rollback for who has kept nothing, too", async (t) => {
  const { source, state } = await pcsRig(t, { minEvaluation: 21 });
  for (const [tcbInfo, qeIdentity] of [
    [20, 21],
    [21, 20],
  ] as const) {
    state.collateral = issued(0, { tcbInfo: evaluation(tcbInfo), qeIdentity: evaluation(qeIdentity) });
    assert.equal(await failureCodeOf(source.collateralOf(platform)), "PCS_ROLLBACK");
  }
  state.collateral = issued(0, { tcbInfo: evaluation(21), qeIdentity: evaluation(21) });
  assertSame(await source.collateralOf(platform), state.collateral);
});

test("a floor that rose since counts for what was kept", async (t) => {
  const { source, server, state, cache } = await pcsRig(t);
  await source.collateralOf(platform);
  const settings = { addresses: server.addresses, update: "standard", trust: pki.trust, cache, retries: 0 } as const;
  const raised = createPcsSource({ ...settings, now: () => state.now, minEvaluation: 21 });
  assert.equal(await failureCodeOf(raised.collateralOf(platform)), "PCS_ROLLBACK");
});
