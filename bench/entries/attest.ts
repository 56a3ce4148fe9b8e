import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileFor } from "../../components/key-broker/args.ts";
import { brokeredClient, startLabBroker } from "../../lab/attested-broker.ts";
import type { LabBroker } from "../../lab/attested-broker.ts";
import { openRego } from "../../lab/kbs/rego.ts";
import type { Rego } from "../../lab/kbs/rego.ts";
import { placesOf } from "../../lab/places.ts";
import { labRun } from "../../lab/publish-sample.ts";
import { signerProduct } from "../../lab/sample-release/signer-product.ts";
import { issueToken, workflowClaims } from "../../lab/sigstore/issue-token.ts";
import { startSigstore } from "../../lab/sigstore/server.ts";
import type { SigstoreServer } from "../../lab/sigstore/server.ts";
import { labMachine } from "../../lab/tdx/lab-machine.ts";
import { createTdxPki } from "../../lab/tdx/pki.ts";
import { simulatePlatform } from "../../lab/tdx/platform.ts";
import type { SimulatedPlatform } from "../../lab/tdx/platform.ts";
import { requestTimestamp } from "../../src/adapters/fulcio-rekor/request-timestamp.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { formatDigestReference, parseReference } from "../../src/core/release/reference.ts";
import type { AttestedSigner } from "../../src/operations/attested-key/attested-signer.ts";
import { signAttested } from "../../src/operations/attested-key/sign-attested.ts";
import type { BenchContext, BenchEntry, Contestant, Prepared } from "../entry.ts";
import { startBenchLab } from "../support/bench-lab.ts";
import type { BenchLab } from "../support/bench-lab.ts";
import type { BenchRelease } from "../support/bench-releases.ts";
import { outcomeOf } from "../support/outcome.ts";
import { benchTool } from "../support/tools.ts";

/**
 * From nothing to a published signature, in a process that runs already, as the service does: a simulated TDX machine attests to the
 * lab's key broker over TLS, gets the credential, verifies a release under its policy, signs it by a quote, and publishes with that
 * credential. The promise is 500 ms; it is shown, and judged by nobody, as it depends on the machine.
 */
export const entries: readonly BenchEntry[] = [
  {
    name: "attest-sign",
    title: "attest, fetch the credential, verify, sign, publish in the lab (promise: within 500 ms), and cosign sign",
    prepare: compareWithCosign,
  },
];

/** For each side: an image that has many signatures takes longer. */
const imagesEach = 12;

async function compareWithCosign(context: BenchContext): Promise<Prepared> {
  const cosign = await benchTool(pinnedTools.cosign, context);
  if ("missing" in cosign) return { kind: "skipped", reason: cosign.missing };
  const opa = await benchTool(pinnedTools.opa, context);
  if ("missing" in opa) return { kind: "skipped", reason: opa.missing };
  const lab = await startBenchLab(context, 2 * imagesEach);
  if ("missing" in lab) return { kind: "skipped", reason: lab.missing };
  const stops: (() => unknown)[] = [lab.stop];
  const teardown = async (): Promise<void> => {
    for (const stop of stops.toReversed()) await stop();
  };
  try {
    const sigstore = await startSigstore({ stateDirectory: placesOf(lab.directories).sigstore, port: 0 });
    stops.push(() => sigstore.stop());
    const pki = createTdxPki({ now: new Date(Date.now() - 60_000) });
    const platform = simulatePlatform({ pki, ...labMachine(), now });
    const { rego, judged } = timedRego(opa.path);
    stops.push(rego.close);
    const broker = await brokerOf(lab, platform, rego);
    stops.push(broker.stop);
    const ours = lab.releases.slice(0, imagesEach);
    const theirs = lab.releases.slice(imagesEach);
    return {
      kind: "ready",
      ours: [attestedSigner(context, lab, { broker, platform, sigstore, judged, releases: ours })],
      reference: { ...cosignSigner(context, lab, { cosign: cosign.path, sigstore, releases: theirs }), kind: "peer" },
      notes: ["cosign's is one process, without attestation, and verifies nothing before it signs"],
      teardown,
    };
  } catch (error) {
    await teardown();
    throw error;
  }
}

const now = (): Date => new Date();

/** Two processes of OPA for each credential: the lab's way to judge, which a broker that is Trustee has not. */
function timedRego(opa: string): { readonly rego: Rego; readonly judged: () => number } {
  const rego = openRego(opa);
  let milliseconds = 0;
  const timed: Rego["evaluate"] = async (question) => {
    const start = performance.now();
    try {
      return await rego.evaluate(question);
    } finally {
      milliseconds += performance.now() - start;
    }
  };
  return { rego: { ...rego, evaluate: timed }, judged: () => milliseconds };
}

/** The broker with stack local's rules, for the signer that the lab's machine booted. */
async function brokerOf(lab: BenchLab, platform: SimulatedPlatform, rego: Rego): Promise<LabBroker> {
  const { keyBroker, signerRelease } = lab.config;
  if (keyBroker === undefined || signerRelease === undefined) throw new Error("stack local has no key broker");
  const { image: repository, current: digest, policy } = signerRelease;
  const release = { repository, digest, measurements: signerProduct.signer?.measurements };
  const compiled = compileFor(keyBroker, policy, [release]);
  const registry = registryOf(lab.releases[0]);
  return startLabBroker(lab, { registry, compiled, admin: keyBroker.admin, rego, platform });
}

const registryOf = ({ repository }: BenchRelease): string => parseReference(`${repository}:latest`).registry;

/** One after the other, and from the first again. */
function turns(releases: readonly BenchRelease[]): () => BenchRelease {
  let turn = 0;
  return () => {
    const release = releases[turn % releases.length];
    turn += 1;
    if (release === undefined) throw new Error("there is no release");
    return release;
  };
}

interface Attesting {
  readonly broker: LabBroker;
  readonly platform: SimulatedPlatform;
  readonly sigstore: SigstoreServer;
  /** Milliseconds that OPA took until now. */
  readonly judged: () => number;
  readonly releases: readonly BenchRelease[];
}

function attestedSigner(
  { signal }: BenchContext,
  { config, trustedRoot }: BenchLab,
  { broker, platform, sigstore, judged, releases }: Attesting,
): Contestant {
  const signer: AttestedSigner = {
    attester: platform,
    collateral: platform,
    timestamps: [(data, aborted) => requestTimestamp({ url: sigstore.urls.tsa, data, signal: aborted })],
    policy: config.policy,
    trustedRoot: trustedRoot.bytes,
    trust: platform.trust,
    key: { kind: "ephemeral" },
    now,
  };
  const next = turns(releases);
  return {
    label: "attested-key, in a process that runs already",
    run: async () => {
      const release = next();
      const before = { judged: judged(), cpu: process.cpuUsage() };
      const start = performance.now();
      // Nothing is kept from the run before: neither a credential nor an attestation result.
      const { client, credential } = brokeredClient({ now, signal }, broker, registryOf(release), platform);
      await credential();
      const released = performance.now();
      const reference = parseReference(formatDigestReference(release.repository, release.digest));
      await signAttested(client, signer, reference, signal);
      const end = performance.now();
      const cpu = process.cpuUsage(before.cpu);
      const parts = {
        "attest and fetch": released - start,
        "of that, OPA for the lab's broker (two processes)": judged() - before.judged,
        "verify, sign and publish": end - released,
        "processor time of both, the lab's servers counted, OPA not": (cpu.user + cpu.system) / 1000,
      };
      return { milliseconds: end - start, parts };
    },
  };
}

interface Cosigning {
  readonly cosign: string;
  readonly sigstore: SigstoreServer;
  readonly releases: readonly BenchRelease[];
}

/** `cosign sign` as a workflow runs it: a certificate for its token, a signature, its log's and its time stamp's proofs, published. */
function cosignSigner(
  { scratch, signal }: BenchContext,
  lab: BenchLab,
  { cosign, sigstore, releases }: Cosigning,
): Contestant {
  const next = turns(releases);
  const { signingConfig } = placesOf(lab.directories);
  const claims = workflowClaims({ ...labRun, ref: "refs/tags/v1.0.0", sha: "0".repeat(40) });
  // In a file: cosign takes a long token for a file's name.
  const token = join(scratch, "token");
  return {
    label: "cosign sign, one process",
    run: async () => {
      const { repository, digest } = next();
      writeFileSync(token, issueToken(sigstore.instance.material.keys.issuer.privateKey, claims));
      const args = [
        ...["sign", "--yes", "--signing-config", signingConfig, "--trusted-root", lab.trustedRoot.path],
        ...["--allow-http-registry", "--identity-token", token, formatDigestReference(repository, digest)],
      ];
      const start = performance.now();
      const { code, errors } = await outcomeOf([cosign, ...args], { environment: lab.environment, signal });
      if (code !== 0) throw new Error(`cosign sign: ${errors.slice(-500)}`);
      return { milliseconds: performance.now() - start };
    },
  };
}
