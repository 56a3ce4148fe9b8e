import type { RegistryClient } from "../../adapters/registry/client.ts";
import { unanswered, unwrap } from "../../adapters/registry/unwrap.ts";
import type { Failure } from "../../core/failure.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { orderTags } from "../../core/release/order-tags.ts";
import { formatDigestReference, parseDigestReference, parseReference } from "../../core/release/reference.ts";
import type { VerifiedQuote } from "../../core/tdx/contract.ts";
import { attestSelf } from "./attest-self.ts";
import type { AttestedSigner } from "./attested-signer.ts";
import { machineFacts } from "./machine-facts.ts";
import { hasOwnSignature } from "./own-signature.ts";
import { signAttested } from "./sign-attested.ts";
import { clockWatch } from "./trusted-clock.ts";
import type { Offered, StillProven, WatchedRepository, WatchSteps } from "./watch.ts";

/** Tags that are looked at in one round. */
const mostTags = 1000;
/** Tags without an answer, after which the registry is asked no more in this round. */
const mostSilent = 20;
/** The list of tags has to be there by then: it is read without a proof in between, and others have to have their turn. */
const mostListingMilliseconds = 2 * 60_000;
/** Together, of tags without an answer. */
const mostSilentMilliseconds = 60_000;
const mostTagMilliseconds = 20_000;

/** How a service reaches the registry. */
export interface Publisher {
  readonly client: RegistryClient;
  /** Attests to the key broker, unless it did within ten minutes; absent where docker's credentials are used. Throws as fetchResource. */
  readonly credential?: () => Promise<unknown>;
}

/**
 * The steps of a service that signs what the tags of these repositories name, with this machine's own quotes. It is attested when
 * Intel's rules say so, and the key broker.
 */
export function registrySteps(
  { client, credential }: Publisher,
  signer: AttestedSigner,
  repositories: readonly string[],
): WatchSteps {
  const policy = policyDigest(signer.policy);
  const compareClock = clockWatch(signer);
  let own: VerifiedQuote | undefined;
  const watched = (repository: string): WatchedRepository => ({
    repository,
    offered: (signal, stillProven) => offeredBy(client, { repository, stillProven }, signal),
    isSigned: async (digest, signal) => {
      signal.throwIfAborted();
      return own !== undefined && (await hasOwnSignature(client, signer, own, { repository, digest }));
    },
    sign: (digest, signal) =>
      signAttested(client, signer, parseDigestReference(formatDigestReference(repository, digest)), signal),
  });
  return {
    attest: async (signal) => {
      await compareClock(signal);
      const { quote } = await attestSelf(signer, signal);
      own = quote;
      return { machine: machineFacts(quote, policy), collateralExpires: quote.expires };
    },
    approve: async () => {
      await credential?.();
    },
    repositories: repositories.map(watched),
  };
}

async function offeredBy(
  client: RegistryClient,
  { repository, stillProven }: { readonly repository: string; readonly stillProven: StillProven },
  signal: AbortSignal,
): Promise<Offered | undefined> {
  const listed = await client.tags(repository, endingBy(mostListingMilliseconds, signal));
  const { tags, complete } = unwrap(listed, `the tags of ${repository}`);
  const images = new Map<string, Digest>();
  const silent = new Map<string, Failure>();
  let looked = 0;
  let silence = 0;
  for (const tag of orderTags(tags).slice(0, mostTags)) {
    if (silent.size >= mostSilent || silence >= mostSilentMilliseconds) break;
    signal.throwIfAborted();
    if (!(await stillProven())) return undefined;
    looked += 1;
    const asked = performance.now();
    const answer = await client.resolve(parseReference(`${repository}:${tag}`), endingBy(mostTagMilliseconds, signal));
    if (answer.kind === "found") images.set(tag, answer.value.digest);
    // A tag may go between the list and the look.
    else if (answer.kind !== "absent") {
      silent.set(tag, unanswered(answer, `${repository}:${tag}`));
      silence += performance.now() - asked;
    }
  }
  return { images, silent, leftOut: tags.length - looked, complete };
}

function endingBy(milliseconds: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
}
