import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { attestSample } from "../../../lab/attested-signature.ts";
import { tryAttestedForgeries } from "../../../lab/attested-refusals.ts";
import type { LabContext } from "../../../lab/context.ts";
import { writeOverlay } from "../../../lab/overlay.ts";
import { placesOf } from "../../../lab/places.ts";
import { publishSample, publishSigner } from "../../../lab/publish-sample.ts";
import { startSigstore } from "../../../lab/sigstore/server.ts";
import { pushTamperedCopy } from "../../../lab/tamper.ts";
import { createRegistryClient } from "../../../src/adapters/registry/client.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import { formatDigestReference } from "../../../src/core/release/reference.ts";
import { readTrustedRootFile } from "../../../src/operations/read-trusted-root.ts";
import { runInProcess } from "../../support/command-line.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../adapters/registry/memory-registry.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");

test("the lab's simulated machine signs the sample, whoever names the signer verifies it, and every forgery is refused by its code", async (t) => {
  const state = mkdtempSync(join(tmpdir(), "neko-lab-attested-"));
  t.after(() => {
    rmSync(state, { recursive: true, force: true });
  });
  const context: LabContext = {
    directories: { checkout, state, cache: state, run: state },
    environment: process.env,
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const sigstore = await startSigstore({ stateDirectory: placesOf(context.directories).sigstore, port: 0 });
  t.after(() => sigstore.stop());
  const registry = await startServer(t, memoryRegistry({ referrers: "works" }).answer);
  const services = { registry: registry.host, referrersRegistry: registry.host, sigstore: sigstore.urls };
  const client = createRegistryClient();
  const sample = await publishSample(context, services, client);
  const signer = await publishSigner(context, services, client);
  writeOverlay(context.directories, services, { sample, signer }, context.now());
  const config = readYamlConfig("local", context.directories);
  const trustedRoot = readTrustedRootFile(config.trustedRoot, checkout);
  const input = { services, client, config, trustedRoot, sample, signer };

  const attested = await attestSample(context, input);
  assert.equal(attested.signed, true);
  assert.equal(attested.release.data.tee?.signerRelease, signer.digest);
  // A second run finds its own signature, and makes no other.
  assert.equal((await attestSample(context, input)).signed, false);

  const copy = await pushTamperedCopy(client, sample);
  const forgeries = await tryAttestedForgeries(context, client, sample, copy.digest, attested);
  assert.deepEqual(
    forgeries.map(({ attempt, codes }) => [attempt, codes.includes("TEE_SIGNATURE_MISSING")]),
    [
      ["one byte of the image changed", false],
      ["a machine with debug on", false],
      ["another payload under a valid quote", false],
      ["a replayed quote", false],
      ["expired collateral", false],
      ["rolled-back collateral", false],
      ["a machine that booted another disk", false],
      ["a release that vouches for its own signer, with measurements of its own manifest", false],
    ],
  );

  const { policy, signerPolicy, quoteRoot } = attested.files;
  const reference = formatDigestReference(sample.repository, sample.digest);
  const args = ["--policy", policy, "--trusted-root", config.trustedRoot, "--signer-image", signer.repository];
  const verify = ["attested-key", "verify", reference, ...args, "--signer-policy", signerPolicy];
  const good = await runInProcess([...verify, "--quote-root", quoteRoot]);
  assert.equal(good.code, 0, good.stderr + good.stdout);
  assert.match(good.stdout, /attested signature, quote made between .+, a key for this image alone/);
  assert.match(good.stdout, /measured as signer release sha256:/);
  const intels = await runInProcess(verify);
  assert.equal(intels.code, 1);
  assert.match(intels.stdout, /TEE_QUOTE_REFUSED/);
});
