import { fetchResource } from "../../adapters/kbs/fetch-resource.ts";
import type { Attester } from "../../core/tdx/contract.ts";
import type { BrokerOptions } from "./open-attested-key.ts";

export interface AttestToBrokerRequest {
  readonly broker: BrokerOptions;
  /** `repository/type/tag` */
  readonly resource: string;
  readonly attester: Attester;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** Attests to a key broker and has it release a resource, which is counted and overwritten. Throws as fetchResource. */
export async function attestToBroker(request: AttestToBrokerRequest): Promise<{ readonly bytes: number }> {
  const { broker, resource, attester, now, signal } = request;
  const { bytes } = await fetchResource({ url: broker.url, trust: broker.trust, resource, attester, now, signal });
  const { length } = bytes;
  bytes.fill(0);
  return { bytes: length };
}
