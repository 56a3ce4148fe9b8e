import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { PcsAddresses, UpdateChannel } from "../../src/adapters/intel-pcs/fetch-collateral.ts";
import type { Collateral } from "../../src/core/tdx/contract.ts";
import type { PlatformId } from "../../src/core/tdx/identify-platform.ts";

export interface PcsServerOptions {
  /** Asked for each request: what the service knows of a platform; undefined for one that it does not know. Lists have one channel. */
  readonly collateral: (platform: PlatformId, update: UpdateChannel) => Collateral | undefined;
  /** The platform whose QE identity and root list are served: those are asked for without one. */
  readonly platform: PlatformId;
  /** 0, or left out: any. */
  readonly port?: number;
  /** Changes what is sent, for what must be refused. */
  readonly change?: (answer: PcsAnswer) => PcsAnswer;
}

/** One answer of the service. */
export interface PcsAnswer {
  readonly path: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface PcsServer {
  readonly addresses: PcsAddresses;
  /** Paths with queries, in the order of their requests. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** A service on loopback that answers as Intel's PCS does (API v4), with the collateral that it is given. */
export async function startPcsServer(options: PcsServerOptions): Promise<PcsServer> {
  const asked: string[] = [];
  const { change = (answer: PcsAnswer) => answer } = options;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "/";
    asked.push(path);
    const { status, headers, body } = change(answerOf(path, options));
    response.writeHead(status, headers);
    response.end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    addresses: { api: origin, rootCrl: `${origin}/IntelSGXRootCA.der` },
    asked,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function answerOf(path: string, { collateral, platform }: PcsServerOptions): PcsAnswer {
  const { pathname, searchParams } = new URL(path, "http://127.0.0.1");
  const json = (member: string, text: string, signature: Uint8Array): Buffer =>
    Buffer.from(`{"${member}":${text},"signature":"${Buffer.from(signature).toString("hex")}"}`);
  const found = (body: Uint8Array, headers: Readonly<Record<string, string>>): PcsAnswer => ({
    path,
    status: 200,
    headers: Object.fromEntries(Object.entries(headers).map(([name, chain]) => [name, encodeURIComponent(chain)])),
    body,
  });
  const absent: PcsAnswer = { path, status: 404, headers: {}, body: new Uint8Array() };
  const update = searchParams.get("update") === "early" ? "early" : "standard";
  const own = collateral(platform, update);
  switch (pathname) {
    case "/tdx/certification/v4/tcb": {
      const of = collateral({ fmspc: (searchParams.get("fmspc") ?? "").toLowerCase(), ca: platform.ca }, update);
      if (of === undefined) return absent;
      const body = json("tcbInfo", of.tcbInfo, of.tcbInfoSignature);
      return found(body, { "TCB-Info-Issuer-Chain": of.tcbInfoIssuerChain });
    }
    case "/tdx/certification/v4/qe/identity":
      if (own === undefined) return absent;
      return found(json("enclaveIdentity", own.qeIdentity, own.qeIdentitySignature), {
        "SGX-Enclave-Identity-Issuer-Chain": own.qeIdentityIssuerChain,
      });
    case "/sgx/certification/v4/pckcrl":
      if (own === undefined || searchParams.get("ca") !== platform.ca) return absent;
      return found(own.pckCrl, { "SGX-PCK-CRL-Issuer-Chain": own.pckCrlIssuerChain });
    case "/IntelSGXRootCA.der":
      return own === undefined ? absent : found(own.rootCaCrl, {});
    default:
      return absent;
  }
}
