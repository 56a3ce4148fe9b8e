import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { Failure, reasonOf } from "../../src/core/failure.ts";
import type { KbsAuthority } from "./authority.ts";
import type { KbsHttpAnswer, KbsService } from "./messages.ts";

export interface KbsServer {
  /** `https://127.0.0.1:<port>/kbs`: what the client takes. */
  readonly url: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}

/** Nothing that is sent here is larger; what a configuration allows is asked after that. */
const mostBytes = 16 * 1024 * 1024;

/**
 * Serves a key broker over TLS on loopback: 1.3 alone, as the compiled configuration's profile `modern`. Port 0 takes any.
 * PORT_TAKEN when a given one is not free.
 */
export async function serveKbs(service: KbsService, authority: KbsAuthority, port: number): Promise<KbsServer> {
  const options = {
    key: authority.tlsKey,
    cert: authority.tlsCertificate,
    minVersion: "TLSv1.3",
    // A token is a header.
    maxHeaderSize: 128 * 1024,
  } as const;
  const server = createServer(options, (request, response) => void serve(service, request, response));
  // A client that does not like the certificate ends the handshake: that is its right.
  server.on("tlsClientError", () => undefined);
  const listening = await new Promise<number>((resolve, reject) => {
    server.once("error", (error) => {
      reject(portTaken(port, error));
    });
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
  return {
    url: `https://127.0.0.1:${listening}/kbs`,
    port: listening,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function serve(service: KbsService, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: KbsHttpAnswer;
  try {
    const body = await readBody(request);
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    answer =
      body === undefined
        ? { status: 413, body: "A payload reached size limit." }
        : await service({
            method: request.method ?? "GET",
            path,
            query,
            cookie: request.headers.cookie ?? "",
            authorization: request.headers.authorization ?? "",
            body,
          });
  } catch (error) {
    answer = { status: 500, body: reasonOf(error) };
  }
  const { status, type, headers = {}, body } = answer;
  response.writeHead(status, { ...(type === undefined ? {} : { "content-type": type }), ...mutable(headers) });
  response.end(body);
}

/** Node's types ask for lists that may be changed. */
function mutable(headers: NonNullable<KbsHttpAnswer["headers"]>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > mostBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function portTaken(port: number, error: Error): Failure {
  return new Failure({
    code: "PORT_TAKEN",
    kind: "unavailable",
    message: `The lab's key broker can't listen on 127.0.0.1:${port}: ${reasonOf(error)}.`,
    remedy: "Free the port, or give another; 0 takes any.",
  });
}
