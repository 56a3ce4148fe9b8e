import type { RegistryClient } from "../../adapters/registry/client.ts";
import { unwrap } from "../../adapters/registry/unwrap.ts";
import type { Digest } from "../../core/oci/digest.ts";
import { formatDigestReference, parseDigestReference, parseReference } from "../../core/release/reference.ts";
import type { VerifiedQuote } from "../../core/tdx/contract.ts";
import { attestSelf } from "./attest-self.ts";
import type { AttestedSigner } from "./attested-signer.ts";
import { machineFacts } from "./machine-facts.ts";
import { hasOwnSignature } from "./own-signature.ts";
import { signAttested } from "./sign-attested.ts";
import type { WatchSteps } from "./watch.ts";

/** Tags that are looked at in one round. */
const mostTags = 1000;
/** Fallback tags hold lists of referrers, and older signatures: neither is an image to sign. */
const noImage = /^sha256-[0-9a-f]{64}(?:\.[a-z]+)?$/;

/** The steps of a service that signs what the tags of one repository name, with this machine's own quotes. */
export function registrySteps(client: RegistryClient, signer: AttestedSigner, repository: string): WatchSteps {
  let own: VerifiedQuote | undefined;
  const named = (digest: Digest) => parseDigestReference(formatDigestReference(repository, digest));
  return {
    attest: async (signal) => {
      const { quote } = await attestSelf(signer, signal);
      own = quote;
      return { machine: machineFacts(quote), collateralExpires: quote.expires };
    },
    offered: async (signal) => {
      const tags = unwrap(await client.tags(repository, signal), `the tags of ${repository}`);
      const offered = new Map<string, Digest>();
      for (const tag of tags.filter((each) => !noImage.test(each)).slice(0, mostTags)) {
        signal.throwIfAborted();
        const answer = await client.resolve(parseReference(`${repository}:${tag}`), signal);
        // A tag may go between the list and the look.
        if (answer.kind === "absent") continue;
        offered.set(tag, unwrap(answer, `${repository}:${tag}`).digest);
      }
      return offered;
    },
    isSigned: async (digest, signal) => {
      signal.throwIfAborted();
      return own !== undefined && (await hasOwnSignature(client, signer, own, { repository, digest }));
    },
    sign: (digest, signal) => signAttested(client, signer, named(digest), signal),
  };
}
