import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { z } from "zod";
import type { LabAttestedInput } from "../../lab/attested-signature.ts";
import type { LabContext } from "../../lab/context.ts";
import type { Rego } from "../../lab/kbs/rego.ts";
import { writeOverlay } from "../../lab/overlay.ts";
import { placesOf } from "../../lab/places.ts";
import { publishSample, publishSigner } from "../../lab/publish-sample.ts";
import { startSigstore } from "../../lab/sigstore/server.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import { readTrustedRootFile } from "../../src/operations/read-trusted-root.ts";
import { startServer } from "../unit/adapters/registry/loopback-server.ts";
import { memoryRegistry } from "../unit/adapters/registry/memory-registry.ts";

const checkout = join(import.meta.dirname, "..", "..");

const appraised = z.object({
  data: z.object({ reference: z.object({ rtmr_1: z.array(z.string()) }) }),
  input: z.object({
    tdx: z.object({
      quote: z.object({ body: z.object({ rtmr_1: z.string() }) }),
      td_attributes: z.object({ debug: z.boolean() }),
    }),
  }),
});
const asked = z.object({
  input: z.object({ submods: z.object({ cpu0: z.object({ "ear.status": z.string() }) }) }),
});

/** Says what the compiled policies say of the three machines here; test/peers has the real Rego, and Open Policy Agent to judge it. */
const judge: Rego = {
  evaluate: (question) => {
    if (question.query === "data.policy.allow") {
      return Promise.resolve(asked.parse(question).input.submods.cpu0["ear.status"] === "affirming");
    }
    const { data, input } = appraised.parse(question);
    const measured = data.reference.rtmr_1.includes(input.tdx.quote.body.rtmr_1);
    return Promise.resolve({
      executables: measured ? 3 : 96,
      hardware: 2,
      configuration: input.tdx.td_attributes.debug ? 96 : 2,
    });
  },
  close: () => undefined,
};

export interface AttestedLab extends Pick<LabAttestedInput, "services" | "client" | "config" | "trustedRoot"> {
  readonly context: LabContext;
  readonly input: LabAttestedInput;
}

/** A registry and a Sigstore with the sample and the signer's release published, and all that attesting the sample takes. */
export async function attestedLab(t: TestContext): Promise<AttestedLab> {
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
  const input = { services, client, config, trustedRoot, sample, signer, rego: judge };
  return { context, services, client, config, trustedRoot, input };
}
