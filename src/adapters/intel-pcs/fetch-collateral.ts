import { serviceAddress } from "../../core/service-address.ts";
import { chainBytesMost } from "../../core/tdx/certificate-chain.ts";
import type { Collateral } from "../../core/tdx/contract.ts";
import type { PlatformId } from "../../core/tdx/identify-platform.ts";
import { crlBytesMost } from "../../core/tdx/revocation-list.ts";
import { splitSignedAnswer } from "../../core/tdx/signed-answer.ts";
import type { SignedAnswer } from "../../core/tdx/signed-answer.ts";
import { statementBytesMost } from "../../core/tdx/signed-statement.ts";
import { sendRequest } from "../web/request.ts";
import { pcsFailure } from "./pcs-failure.ts";

/** Where Intel's Provisioning Certification Service is. */
export interface PcsAddresses {
  /** Below it lie /tdx/certification/v4 and /sgx/certification/v4. */
  readonly api: string;
  /** The root's revocation list, DER. */
  readonly rootCrl: string;
}

export const intelAddresses: PcsAddresses = {
  api: "https://api.trustedservices.intel.com",
  rootCrl: "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
};

/** `early` statements name a new level before `standard` ones do (Intel PCS API v4, parameter `update`). */
export type UpdateChannel = "early" | "standard";

export interface FetchRequest {
  readonly addresses: PcsAddresses;
  readonly platform: PlatformId;
  readonly update: UpdateChannel;
  /** After a failed connection, a 429 or a 5xx. */
  readonly retries: number;
  readonly signal?: AbortSignal | undefined;
}

const timeoutMilliseconds = 20_000;

/** Throws PCS_URL_INVALID, which does not quote it. Gives the address without a slash at its end. */
export function requireAddress(text: string): string {
  const address = serviceAddress(text);
  if (address !== undefined) return address;
  throw pcsFailure("PCS_URL_INVALID", "What is given as the collateral service's address is none.");
}

/**
 * Asks for everything that a quote of this platform is verified against. Only its form is looked at here. Throws
 * PCS_UNAVAILABLE, PCS_PLATFORM_UNKNOWN, PCS_ANSWER_INVALID, PCS_URL_INVALID, and the signal's reason.
 */
export async function fetchCollateral(request: FetchRequest): Promise<Collateral> {
  const { platform, update } = request;
  const api = requireAddress(request.addresses.api);
  const rootCrl = requireAddress(request.addresses.rootCrl);
  const tdx = `${api}/tdx/certification/v4`;
  const [tcbInfo, qeIdentity, pckCrl, root] = await Promise.all([
    ask(request, `${tdx}/tcb?fmspc=${platform.fmspc}&update=${update}`, "TCB info", statementBytesMost),
    ask(request, `${tdx}/qe/identity?update=${update}`, "QE identity", statementBytesMost),
    ask(request, `${api}/sgx/certification/v4/pckcrl?ca=${platform.ca}&encoding=der`, "PCK CRL", crlBytesMost),
    ask(request, rootCrl, "root CRL", crlBytesMost),
  ]);
  const tcb = signed(tcbInfo.body, "tcbInfo", "TCB info");
  const qe = signed(qeIdentity.body, "enclaveIdentity", "QE identity");
  return {
    rootCaCrl: root.body,
    pckCrl: pckCrl.body,
    pckCrlIssuerChain: chainOf(pckCrl.headers, "SGX-PCK-CRL-Issuer-Chain"),
    tcbInfo: tcb.text,
    tcbInfoSignature: tcb.signature,
    tcbInfoIssuerChain: chainOf(tcbInfo.headers, "TCB-Info-Issuer-Chain"),
    qeIdentity: qe.text,
    qeIdentitySignature: qe.signature,
    qeIdentityIssuerChain: chainOf(qeIdentity.headers, "SGX-Enclave-Identity-Issuer-Chain"),
  };
}

async function ask(
  { retries, signal, platform }: FetchRequest,
  url: string,
  what: string,
  maxBytes: number,
): Promise<{ readonly headers: Headers; readonly body: Uint8Array }> {
  const answer = await sendRequest({ method: "GET", url, headers: {}, maxBytes, timeoutMilliseconds, retries, signal });
  if (answer.kind === "failed") throw pcsFailure("PCS_UNAVAILABLE", `${what} can't be fetched: ${answer.detail}.`);
  const { status, headers, body } = answer;
  if (status === 200) return { headers, body };
  if (status === 404 && what === "TCB info") {
    throw pcsFailure("PCS_PLATFORM_UNKNOWN", `The service knows no platform with FMSPC ${platform.fmspc}.`);
  }
  throw pcsFailure("PCS_UNAVAILABLE", `${what} can't be fetched: the service answered ${status}.`);
}

function signed(body: Uint8Array, member: "tcbInfo" | "enclaveIdentity", what: string): SignedAnswer {
  const answer = splitSignedAnswer(body, member);
  if (answer !== undefined) return answer;
  throw pcsFailure("PCS_ANSWER_INVALID", `${what} is not a signed statement as Intel's service sends it.`);
}

/** PEM certificates, URL-encoded. Whether they are any is seen when signatures are checked. */
function chainOf(headers: Headers, name: string): string {
  const invalid = (why: string): Error => pcsFailure("PCS_ANSWER_INVALID", `The header ${name} ${why}.`);
  const encoded = headers.get(name);
  if (encoded === null) throw invalid("is missing");
  if (encoded.length > 3 * chainBytesMost) throw invalid("is too long");
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw invalid("is not URL-encoded");
  }
}
