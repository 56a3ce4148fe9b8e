import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, request as httpRequest } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { httpFetch } from "../src/adapters/registry/http-fetch.ts";
import type { HttpFetch } from "../src/adapters/registry/http-fetch.ts";

/** The one way that the lab's signer has to the registry: anybody may read, and whoever writes shows the credential. */
export interface RegistryDoor {
  /** `host:port` on loopback. */
  readonly host: string;
  /** For a registry client: requests to the registry go through the door, all others are refused. */
  readonly fetch: HttpFetch;
  /** How many requests wrote, and how many were sent away. */
  readonly counts: () => { readonly written: number; readonly sentAway: number };
  readonly stop: () => Promise<void>;
}

const reading = new Set(["GET", "HEAD"]);

/**
 * Opens a door to a registry of the lab, which by itself takes everything from everybody, as its port is this user's. `credential` is
 * `user:password`, the same bytes that the key broker keeps.
 */
export async function openRegistryDoor(registry: string, credential: string): Promise<RegistryDoor> {
  const expected = hashOf(`Basic ${Buffer.from(credential).toString("base64")}`);
  let written = 0;
  let sentAway = 0;
  const server = createServer((request, response) => {
    const { method = "GET", headers } = request;
    if (!reading.has(method)) {
      if (!timingSafeEqual(hashOf(headers.authorization ?? ""), expected)) {
        sentAway += 1;
        sendAway(request, response);
        return;
      }
      written += 1;
    }
    pass(request, response, registry);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    fetch: (url, init) => {
      if (url.host !== registry) return Promise.reject(new Error(`the lab's signer has no way to ${url.host}`));
      const through = new URL(url);
      through.host = host;
      return httpFetch(through, init);
    },
    counts: () => ({ written, sentAway }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

/** Both sides have one length, whatever was sent. */
const hashOf = (header: string): Buffer => createHash("sha256").update(header).digest();

function sendAway(request: IncomingMessage, response: ServerResponse): void {
  // What is sent along is read and dropped, so that the connection stays of use.
  request.resume();
  response.writeHead(401, { "www-authenticate": 'Basic realm="neko-lab"', "content-type": "application/json" });
  response.end(
    JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "writing takes the signer's credential" }] }),
  );
}

function pass(request: IncomingMessage, response: ServerResponse, registry: string): void {
  const { method, url: path, headers } = request;
  const { authorization: _shown, ...others } = headers;
  const url = new URL(`http://${registry}`);
  const forwarded = httpRequest({
    hostname: url.hostname,
    port: url.port,
    method,
    path,
    headers: { ...others, host: registry },
  });
  forwarded.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  forwarded.on("error", () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502).end();
  });
  request.pipe(forwarded);
}
