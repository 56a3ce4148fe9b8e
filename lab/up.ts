import { createRegistryClient } from "../src/adapters/registry/client.ts";
import { pinnedTools } from "../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../src/adapters/toolchain/tool.ts";
import { readYamlConfig } from "../src/config/read-config.ts";
import { formatDigestReference, parseReference } from "../src/core/release/reference.ts";
import { openTeeEvidence } from "../src/operations/open-tee-evidence.ts";
import { releaseRefused, teeTermsOf } from "../src/operations/verify-releases.ts";
import { readTrustedRootFile } from "../src/operations/read-trusted-root.ts";
import { verifyImage } from "../src/operations/verify-image.ts";
import { chainTree, drawTree } from "../src/report/chain-tree.ts";
import { tryAttestedForgeries } from "./attested-refusals.ts";
import { attestSample } from "./attested-signature.ts";
import type { LabCredential } from "./attested-signature.ts";
import type { LabContext, LabReport } from "./context.ts";
import { startControlPlane } from "./control-plane/start.ts";
import { writeOverlay } from "./overlay.ts";
import { openRego } from "./kbs/rego.ts";
import { placesOf } from "./places.ts";
import { lastTarget, progressLine, rememberTarget, withStack } from "./provision.ts";
import { publishSample, publishSigner, publishVouching } from "./publish-sample.ts";
import { outcomeLines, resourceReport, summaryLine } from "./resource-report.ts";
import type { ResourceReport } from "./resource-report.ts";
import { startServices } from "./services.ts";
import { latestOutcomes } from "./stand-ins/journal.ts";
import type { KubernetesTarget } from "./stand-ins/start.ts";
import { assertRefused, pushTamperedCopy, verifySeparately } from "./tamper.ts";
import { askForVerdicts, assertVerdicts, markActing } from "./verdicts.ts";
import type { Verdict } from "./verdicts.ts";

/** Steps with their times, printed as they come; the same lines are the command's report. */
function stepper(context: LabContext) {
  const begin = performance.now();
  let step = 0;
  let since = begin;
  const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1);
  return {
    step: (title: string): void => {
      if (step > 0) context.progress(`    (${seconds(since)} s)`);
      since = performance.now();
      step += 1;
      context.progress(`\n[${step}] ${title}`);
      context.signal.throwIfAborted();
    },
    line: (text: string): void => {
      context.progress(`    ${text}`);
    },
    seconds: (): string => seconds(begin),
  };
}

interface Provisioned {
  readonly summary: Readonly<Record<string, number>>;
  readonly resources: readonly ResourceReport[];
  readonly verdicts: readonly Verdict[];
}

async function provision(
  context: LabContext,
  kubernetes: KubernetesTarget,
  release: { repository: string; digest: string },
): Promise<Provisioned> {
  const before = lastTarget(context);
  return withStack(context, { stack: "local", mode: "local", kubernetes }, async ({ handle, standIns }) => {
    const options = {
      signal: context.signal,
      onProgress: (event: Parameters<typeof progressLine>[0]) => {
        const line = progressLine(event);
        if (line !== undefined) context.progress(line);
      },
    };
    // Objects that went to files are not on an API server that came later, nor the other way round: ask first.
    if (before !== undefined && before !== kubernetes.kind) await handle.refresh(options);
    const result = await handle.up(options);
    rememberTarget(context, kubernetes);
    const verdicts =
      kubernetes.kind === "api-server"
        ? await askForVerdicts(kubernetes.kubeconfig, release.repository, release.digest)
        : [];
    assertVerdicts(verdicts);
    const { journal } = placesOf(context.directories);
    markActing(journal, [...latestOutcomes(standIns.journal()).values()], verdicts);
    return { summary: result.summary, resources: resourceReport(result.resources, journal), verdicts };
  });
}

/** Of a chain's tree the attested signature alone: the rest was shown before. */
function attestedLines(): (line: string) => boolean {
  let inside = false;
  return (line) => {
    if (/^[├└]─ /.test(line)) inside = line.includes("attested signature");
    return inside;
  };
}

/** Who got the credential to publish with from the key broker, and who did not. */
function credentialLines({ resource, milliseconds, refusals, ...digests }: LabCredential): string[] {
  const short = (digest: string): string => `${digest.slice(0, "sha256:".length + 12)}…`;
  return [
    `key broker over TLS (RCAR 0.4.0), with the keys and policies that KeyBroker is given below, judged by OPA:`,
    `  attestation policy ${short(digests.attestationPolicyDigest)}, resource policy ${short(digests.resourcePolicyDigest)}, reference values of the signer's manifest`,
    `✓ the measured machine attested, and got ${resource} in ${milliseconds} ms: what is published goes with it`,
    ...refusals.map(({ attempt, code }) => `✗ ${attempt}: ${code}, nothing published`),
  ];
}

/** `make up`: lab, sample release, verification, provisioning, and a refusal that is seen to happen. */
export async function labUp(context: LabContext, options: { readonly cluster: boolean }): Promise<LabReport> {
  const { directories } = context;
  const places = placesOf(directories);
  const { step, line, seconds } = stepper(context);

  step(`lab: registries and a Sigstore instance, on loopback (logs in ${directories.run})`);
  // First: where a tool can't be built, nothing is started.
  const { path: opa } = await ensureTool(pinnedTools.opa, context);
  const services = await startServices(context);
  line(`registry ${services.registry} (without referrers API, as GHCR), ${services.referrersRegistry} (with it)`);
  line(`Sigstore ${services.sigstore.fulcio.replace("/fulcio", "")}, --signing-config ${places.signingConfig}`);
  const withCluster = options.cluster || lastTarget(context) === "api-server";
  const kubeconfig = withCluster ? (await startControlPlane(context)).kubeconfig : undefined;
  if (kubeconfig !== undefined) line(`API server, kubeconfig ${kubeconfig}`);

  step("sample release: built of this checkout's files, two platforms");
  const client = createRegistryClient();
  const sample = await publishSample(context, services, client);
  const signer = await publishSigner(context, services, client);
  writeOverlay(directories, services, { sample, signer }, context.now());
  const reference = formatDigestReference(sample.repository, sample.digest);
  line(`${reference} ${sample.signed ? "built, signed and published" : "as in the last run"}`);
  line(`${formatDigestReference(signer.repository, signer.digest)}: the signer's, a stream of its own`);

  step("verify: from reference to proof");
  const config = readYamlConfig("local", directories);
  const trustedRoot = readTrustedRootFile(config.trustedRoot, directories.checkout);
  const terms = { policy: config.policy, trustedRoot, now: context.now() };
  const tee = await openTeeEvidence(client, { ...terms, tee: teeTermsOf(config, directories) });
  const { resolved, result } = await verifyImage(client, { reference: parseReference(reference), ...terms, tee });
  if (!result.ok) throw releaseRefused(resolved, config.policy.name, result.findings);
  for (const text of drawTree(chainTree(result.proof.data))) line(text);

  step(
    "attest: a simulated TDX machine that booted the signer's release gets the credential, verifies, signs, publishes",
  );
  const rego = openRego(opa);
  const attesting = attestSample(context, { services, client, config, trustedRoot, sample, signer, rego });
  const attested = await attesting.finally(rego.close);
  for (const text of credentialLines(attested.credential)) line(text);
  line(`signed ${attested.signed ? "now" : "in an earlier run"}; accepted under stack local's policy with tee:`);
  for (const text of drawTree(chainTree(attested.release.data)).filter(attestedLines())) line(text);

  step("pulumi up: stack local on the real engine");
  const kubernetes: KubernetesTarget =
    kubeconfig === undefined ? { kind: "files", directory: places.rendered } : { kind: "api-server", kubeconfig };
  const provisioned = await provision(context, kubernetes, sample);
  for (const text of outcomeLines(provisioned.resources)) line(text);
  for (const verdict of provisioned.verdicts) {
    line(`pod ${verdict.pod}: ${verdict.verdict}${verdict.message === "" ? "" : ` (${verdict.message})`}`);
  }
  line(summaryLine(provisioned.summary));

  step("tamper: one random byte of a copy, refused by a separate process");
  const copy = await pushTamperedCopy(client, sample);
  line(copy.change);
  const verification = await verifySeparately(context, formatDigestReference(sample.repository, copy.digest));
  for (const text of verification.lines) line(text);
  line(`exit code ${String(verification.exitCode)}`);
  assertRefused(verification);

  step("forge: what else could lie beside the image, each refused as an attested signature");
  const ownMachine = await publishVouching(context, services, client);
  const forgeries = await tryAttestedForgeries(
    context,
    client,
    { sample, tampered: copy.digest, ownMachine },
    attested,
  );
  for (const { attempt, codes } of forgeries) line(`✗ ${attempt}: ${codes.join(", ")}`);

  const { policy: teePolicy, quoteRoot } = attested.files;
  const verifyAttested = `npx neko-trust attested-key verify ${reference} --policy ${teePolicy} --trusted-root ${config.trustedRoot} --signer-image ${signer.repository} --signer-policy ${attested.files.signerPolicy} --quote-root ${quoteRoot}`;
  const commands = [
    `npx neko-trust verify-image ${reference} --stack local`,
    verifyAttested,
    "npx neko-trust status",
    "make preview",
  ];
  return {
    healthy: true,
    lines: [
      "",
      `done in ${seconds()} s. Try:`,
      ...commands.map((command) => `  ${command}`),
      "The lab's services run on until: make down",
    ],
    document: {
      ok: true,
      release: reference,
      credential: attested.credential,
      ...provisioned,
      tampered: copy,
      forgeries,
      commands,
    },
  };
}
