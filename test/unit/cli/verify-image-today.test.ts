import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { attestSample } from "../../../lab/attested-signature.ts";
import { writeCollateral } from "../../../lab/tdx/collateral-writer.ts";
import type { CollateralChanges } from "../../../lab/tdx/collateral-writer.ts";
import { formatDigestReference } from "../../../src/core/release/reference.ts";
import { toCollateralFile } from "../../../src/core/tdx/collateral.ts";
import { attestedLab } from "../../support/attested-lab.ts";
import { runInProcess } from "../../support/command-line.ts";

test("verify-image shows what Intel says today of the machine that signed, and exits 0 as the verdict then decides", async (t) => {
  const { context, config, input } = await attestedLab(t);
  const { sample, signer } = input;
  const { state } = context.directories;
  const attested = await attestSample(context, input);

  const { policy, signerPolicy, quoteRoot } = attested.files;
  const trust = ["--trusted-root", config.trustedRoot];
  const reference = formatDigestReference(sample.repository, sample.digest);
  const args = ["verify-image", reference, "--policy", policy, ...trust, "--quote-root", quoteRoot];
  const named = ["--signer-image", signer.repository, "--signer-policy", signerPolicy];
  const verify = (...more: readonly string[]) => runInProcess([...args, ...named, ...more]);
  const collateral = (name: string, changes: CollateralChanges = {}): string => {
    const issued = new Date(Date.now() - 3600_000);
    const nextUpdate = new Date(issued.getTime() + 30 * 24 * 3600_000);
    const path = join(state, name);
    writeFileSync(
      path,
      JSON.stringify(toCollateralFile(writeCollateral(attested.pki, { issued, nextUpdate }, changes))),
    );
    return path;
  };

  const unasked = await verify();
  assert.equal(unasked.code, 0, unasked.stderr + unasked.stdout);
  assert.doesNotMatch(unasked.stdout, /today/);

  const today = collateral("current.json");
  const current = await verify("--tee-collateral", today);
  assert.equal(current.code, 0, current.stderr + current.stdout);
  assert.match(current.stdout, /TCB UpToDate, level of 2026-03-11, evaluation 20\n/);
  assert.match(current.stdout, /TCB today UpToDate, level of 2026-03-11, evaluation 20, good until 20/);
  assert.doesNotMatch(current.stdout, /note: today/);
  const [, ...after] = args;
  const same = await runInProcess(["attested-key", "verify", ...after, ...named, "--tee-collateral", today]);
  assert.deepEqual([same.code, same.stdout], [0, current.stdout], same.stderr);

  const revoked = collateral("revoked.json", { revokedByCa: [attested.pki.pck.serial] });
  const warned = await verify("--tee-collateral", revoked);
  assert.equal(warned.code, 0, warned.stderr + warned.stdout);
  assert.match(warned.stdout, /note: today: CERTIFICATE_REVOKED \(.+\); the verdict when it signed counts\n/);
  assert.doesNotMatch(warned.stdout, /TCB today/);
  const json = await verify("--tee-collateral", revoked, "--json");
  const { ok, release } = JSON.parse(json.stdout) as { ok: boolean; release: { tee: { notes: string[] } } };
  assert.equal(ok, true);
  assert.match(release.tee.notes.join(), /^today: CERTIFICATE_REVOKED/);

  const empty = join(state, "empty");
  mkdirSync(empty);
  const none = await verify("--tee-collateral", empty);
  assert.deepEqual([none.code, none.stdout], [2, ""]);
  assert.match(none.stderr, /\(code TEE_COLLATERAL_NONE\)\n$/);
  const plain = ["verify-image", reference, "--policy", signerPolicy, ...trust, "--tee-collateral", revoked];
  const undemanded = await runInProcess(plain);
  assert.deepEqual([undemanded.code, undemanded.stdout], [2, ""]);
  assert.match(undemanded.stderr, /\(code TEE_NOT_DEMANDED\)\n$/);
});
