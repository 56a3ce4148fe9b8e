import { createRegistryClient } from "../src/adapters/registry/client.ts";
import type { RegistryClient } from "../src/adapters/registry/client.ts";
import type { CredentialsSource } from "../src/adapters/registry/settings.ts";
import { unwrap } from "../src/adapters/registry/unwrap.ts";
import { Failure } from "../src/core/failure.ts";
import { mediaTypes } from "../src/core/oci/formats.ts";
import { evidenceAttachment } from "../src/core/tdx/evidence-document.ts";
import { readCredential } from "../src/operations/attested-key/registry-credential.ts";
import type { LabBroker } from "./attested-broker.ts";
import type { LabContext } from "./context.ts";
import { fetchRegardless } from "./kbs/fetch-regardless.ts";
import type { PublishedSample } from "./publish-sample.ts";
import { signerDisk } from "./sample-release/signer-disk.ts";
import { labMachine } from "./tdx/lab-machine.ts";
import type { TdxPki } from "./tdx/pki.ts";
import { simulatePlatform } from "./tdx/platform.ts";

/** What came of one attempt to publish without being the measured machine. */
export interface CredentialRefusal {
  readonly attempt: string;
  /** The code of who said no: the key broker, or the registry's door. */
  readonly code: string;
}

interface Attempt {
  readonly attempt: string;
  readonly expected: string;
  readonly credentials: CredentialsSource;
}

/**
 * Tries to publish beside the sample as who has not booted the signer's disk: each asks the broker as an attacker would, whatever its
 * attestation result says. Throws CREDENTIAL_NOT_REFUSED when one gets in, or is sent away for another reason than its own.
 */
export async function tryForCredential(
  context: LabContext,
  client: RegistryClient,
  broker: LabBroker,
  pki: TdxPki,
  sample: PublishedSample,
): Promise<CredentialRefusal[]> {
  const { repository, digest, layout } = sample;
  const listed = async (): Promise<number> => unwrap(await client.referrers(repository, digest), repository).length;
  const before = await listed();
  const size = layout.get(`blobs/sha256/${digest.slice("sha256:".length)}`)?.length ?? 0;
  const refusals: CredentialRefusal[] = [];
  for (const { attempt, expected, credentials } of attemptsOf(context, broker, pki)) {
    const rogue = createRegistryClient({ credentials, signal: context.signal, fetch: broker.door.fetch });
    const attachment = evidenceAttachment(Buffer.from("NEKO-LAB evidence of nobody"));
    const code = await codeOf(async () => {
      unwrap(await rogue.attach(repository, { mediaType: mediaTypes.index, digest, size }, attachment), repository);
    });
    if (code !== expected) throw notRefused(attempt, expected, code);
    refusals.push({ attempt, code });
  }
  const after = await listed();
  if (after !== before)
    throw notRefused("publishing beside the sample", "nothing published", `${after - before} referrers`);
  return refusals;
}

function attemptsOf({ now, signal }: LabContext, broker: LabBroker, pki: TdxPki): readonly Attempt[] {
  const changed = Uint8Array.from(signerDisk());
  changed[0] = (changed[0] ?? 0) ^ 1;
  const machine = labMachine();
  const asked = (
    options: Pick<Parameters<typeof simulatePlatform>[0], "report">,
    booted = machine,
  ): CredentialsSource => {
    const attester = simulatePlatform({ pki, ...booted, ...options, now });
    const place = { url: broker.url, pin: broker.trust.tls, signal };
    return async () => readCredential(await fetchRegardless(place, broker.resource, attester, now()));
  };
  return [
    {
      attempt: "the machine with one byte of its disk changed",
      expected: "KBS_POLICY_DENIED",
      credentials: asked({}, labMachine(changed)),
    },
    {
      attempt: "the measured machine with debug on",
      expected: "KBS_POLICY_DENIED",
      credentials: asked({ report: { tdAttributes: "0100001000000000" } }),
    },
    {
      attempt: "whoever asks no broker",
      expected: "REGISTRY_UNAUTHORIZED",
      credentials: () => Promise.resolve(undefined),
    },
  ];
}

async function codeOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return "published";
  } catch (error) {
    if (error instanceof Failure) return error.code;
    throw error;
  }
}

function notRefused(attempt: string, expected: string, found: string): Failure {
  return new Failure({
    code: "CREDENTIAL_NOT_REFUSED",
    kind: "refused",
    message: `"${attempt}" was to end as ${expected}, and ended as ${found}.`,
    remedy: "Do not rely on this version: please report it.",
  });
}
