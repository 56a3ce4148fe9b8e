import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fetchRegardless } from "../../lab/kbs/fetch-regardless.ts";
import { openRego } from "../../lab/kbs/rego.ts";
import type { Rego } from "../../lab/kbs/rego.ts";
import { startKbs } from "../../lab/kbs/start.ts";
import type { KbsServer } from "../../lab/kbs/server.ts";
import { signerDisk } from "../../lab/sample-release/signer-disk.ts";
import { signerProduct } from "../../lab/sample-release/signer-product.ts";
import { labMachine } from "../../lab/tdx/lab-machine.ts";
import { createTdxPki, newTdxKeys } from "../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../lab/tdx/platform.ts";
import type { SimulatedPlatformOptions } from "../../lab/tdx/platform.ts";
import { labPlatform } from "../../lab/tdx/sgx-extension.ts";
import { localOverlayPath } from "../../src/config/local-overlay.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { fetchResource } from "../../src/adapters/kbs/fetch-resource.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { compile } from "../../src/core/compile/key-broker/compile.ts";
import { digestOf } from "../../src/core/oci/digest.ts";
import { replayEventLog } from "../../src/core/tdx/event-log.ts";
import { verifyQuote } from "../../src/core/tdx/verify-quote.ts";
import { failureCodeOf } from "../support/failures.ts";
import { adminClaims, credential, labAuthority, resource, trust } from "../support/kbs.ts";
import { caseSettings, signerPolicy } from "../support/key-broker.ts";
import { sampleOverlay } from "../support/stack-files.ts";

/**
 * Simulated quotes under the rules that stacks/Pulumi.local.yaml has for its signer, the reference values of the signer's manifest,
 * and Open Policy Agent as judge: the one machine gets the credential, and no other, whatever its client makes of the answer.
 */

const now = (): Date => new Date();
const issued = { now: new Date(Date.now() - 60_000), keys: newTdxKeys() };
const pki = createTdxPki(issued);
const machine = labMachine();
const repository = signerPolicy().images[0]?.repository ?? "";
let rego: Rego;
let kbs: KbsServer;
// The stack's rules, with no lab's own: it need not run.
const state = mkdtempSync(join(tmpdir(), "neko-quotes-"));

before(async () => {
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const directories = directoriesOf(checkout, process.env);
  const { path } = await ensureTool(pinnedTools.opa, { directories, environment: process.env });
  rego = openRego(path);
  writeFileSync(localOverlayPath(state), JSON.stringify(sampleOverlay));
  const { keyBroker } = readYamlConfig("local", { ...directories, state });
  assert.ok(keyBroker !== undefined);
  const release = { repository, digest: digestOf("signer"), measurements: signerProduct.signer?.measurements };
  const compiled = compile(signerPolicy(), [release], { ...caseSettings, tee: keyBroker.tee });
  kbs = await startKbs({
    authority: labAuthority,
    compiled,
    admin: adminClaims,
    credential,
    verification: {
      verifyQuote,
      trust: pki.trust,
      collateral: simulatePlatform({ pki, ...machine, now }),
      replay: (eventLog) => {
        const replayed = replayEventLog(eventLog);
        return replayed.ok ? replayed.log : undefined;
      },
    },
    rego,
    port: 0,
  });
});

after(async () => {
  await kbs.stop();
  rego.close();
  rmSync(state, { recursive: true });
});

const platform = (changes: Partial<SimulatedPlatformOptions> = {}) =>
  simulatePlatform({ pki, ...machine, now, ...changes });

test("the machine that the stack's rules and the signer's manifest name gets the credential", async () => {
  for (const td of ["1.0", "1.5"] as const) {
    const { url } = kbs;
    const { bytes } = await fetchResource({ url, trust, resource, attester: platform({ td }), now });
    assert.equal(Buffer.from(bytes).toString("utf8"), credential);
  }
});

const changedDisk = Uint8Array.from(signerDisk());
changedDisk[changedDisk.length - 1] = (changedDisk.at(-1) ?? 0) ^ 0x80;

/** Each with the code of the broker's own refusal. */
const others: Readonly<Record<string, readonly [changes: Partial<SimulatedPlatformOptions>, code: string]>> = {
  "one byte of the disk changed": [labMachine(changedDisk), "KBS_POLICY_DENIED"],
  "debug on": [{ report: { tdAttributes: "0100001000000000" } }, "KBS_POLICY_DENIED"],
  "another firmware": [{ report: { mrtd: "a2".repeat(48) } }, "KBS_POLICY_DENIED"],
  "the event log of another boot": [{ eventLog: labMachine(changedDisk).eventLog }, "KBS_ATTESTATION_REFUSED"],
  "another platform of the same maker": [
    { pki: createTdxPki({ ...issued, platform: { ...labPlatform, ppid: "11".repeat(16) } }) },
    "KBS_POLICY_DENIED",
  ],
  "a platform of another maker": [{ pki: createTdxPki({ now: issued.now }) }, "KBS_ATTESTATION_REFUSED"],
};

for (const [name, [changes, code]] of Object.entries(others)) {
  test(`${name}: the broker says no, also to a client that asks in spite of its attestation result`, async () => {
    const place = { url: kbs.url, pin: trust.tls, retries: 0 };
    assert.equal(await failureCodeOf(fetchRegardless(place, resource, platform(changes), now())), code);
  });
}
