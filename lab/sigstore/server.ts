import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join } from "node:path";
import { z } from "zod";
import { writeWhole } from "../../src/adapters/files/write-whole.ts";
import { Failure, reasonOf } from "../../src/core/failure.ts";
import { failed, notFound } from "./answers.ts";
import type { ServiceAnswer } from "./answers.ts";
import { openInstance } from "./instance.ts";
import type { InstanceOptions, SigstoreInstance } from "./instance.ts";
import { labNames } from "./names.ts";
import { signingConfigNames, writeSigningConfig } from "./signing-config-file.ts";
import { lockState } from "./state-lock.ts";

/** Where the services listen: what signStatement and clients like cosign take. Written to `<state>/sigstore.json`. */
export const sigstoreUrlsSchema = z.object({
  port: z.int(),
  fulcio: z.string(),
  rekorV1: z.string(),
  rekorV2: z.string(),
  /** The whole URL of the endpoint, as clients post to it unchanged. */
  tsa: z.string(),
  tuf: z.string(),
  health: z.string(),
  /** `iss` of the lab's tokens: a name, not an address. */
  issuer: z.string(),
});
export type SigstoreUrls = z.infer<typeof sigstoreUrlsSchema>;

export interface ServerOptions extends InstanceOptions {
  /** 0 takes the port of the last start when it is free, else any. */
  readonly port: number;
}

export interface SigstoreServer {
  readonly instance: SigstoreInstance;
  readonly urls: SigstoreUrls;
  stop(): Promise<void>;
}

const maxBody = 32 * 1024 * 1024;

/**
 * Starts the lab's Sigstore on loopback, and writes sigstore.json, trusted_root.json, tuf-root.json and the signing
 * configurations into the state folder once it listens. One process per state folder: two would fork its logs (LAB_SIGSTORE_RUNNING). PORT_TAKEN when
 * a given port is not free.
 */
export async function startSigstore(options: ServerOptions): Promise<SigstoreServer> {
  const { stateDirectory } = options;
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const unlock = lockState(stateDirectory);
  let instance: SigstoreInstance | undefined;
  try {
    const opened = openInstance(options);
    instance = opened;
    const server = createServer((request, response) => void serve(opened, request, response));
    const port = await listenSomewhere(server, options.port, lastPort(stateDirectory));
    const urls = urlsOf(port);
    writeWhole(join(stateDirectory, "trusted_root.json"), opened.material.trustedRoot);
    writeWhole(join(stateDirectory, "tuf-root.json"), opened.material.tuf.get("/1.root.json") ?? "");
    const start = options.now?.() ?? new Date();
    writeWhole(join(stateDirectory, signingConfigNames.rekorV1), writeSigningConfig(urls, 1, start));
    writeWhole(join(stateDirectory, signingConfigNames.rekorV2), writeSigningConfig(urls, 2, start));
    writeWhole(join(stateDirectory, "sigstore.json"), `${JSON.stringify(urls, undefined, 2)}\n`);
    const stop = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      });
      opened.close();
      unlock();
    };
    return { instance: opened, urls, stop };
  } catch (error) {
    instance?.close();
    unlock();
    throw error;
  }
}

function urlsOf(port: number): SigstoreUrls {
  const base = `http://127.0.0.1:${port}`;
  return {
    port,
    fulcio: `${base}/fulcio`,
    rekorV1: `${base}/rekor`,
    rekorV2: `${base}/rekor-v2`,
    tsa: `${base}/tsa/api/v1/timestamp`,
    tuf: `${base}/tuf`,
    health: `${base}/healthz`,
    issuer: labNames.issuer,
  };
}

/** The port of the last start, so that URLs which clients remember stay good where possible. */
function lastPort(stateDirectory: string): number | undefined {
  try {
    return sigstoreUrlsSchema.parse(JSON.parse(readFileSync(join(stateDirectory, "sigstore.json"), "utf8"))).port;
  } catch {
    return undefined;
  }
}

async function listenSomewhere(server: Server, wanted: number, last: number | undefined): Promise<number> {
  if (wanted === 0 && last !== undefined) {
    try {
      return await listen(server, last);
    } catch {
      // taken meanwhile: any other will do
    }
  }
  try {
    return await listen(server, wanted);
  } catch (error) {
    throw new Failure({
      code: "PORT_TAKEN",
      kind: "unavailable",
      message: `The lab's Sigstore can't listen on 127.0.0.1:${wanted}: ${reasonOf(error)}.`,
      remedy: "Free the port, or give another; 0 takes any.",
    });
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.removeListener("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

async function serve(instance: SigstoreInstance, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: ServiceAnswer;
  try {
    const body = await readBody(request);
    answer =
      body === undefined ? failed(413, `the request is larger than ${maxBody} bytes`) : route(instance, request, body);
  } catch (error) {
    answer = failed(500, reasonOf(error));
  }
  response.writeHead(answer.status, {
    "content-type": answer.type,
    ...(answer.location === undefined ? {} : { location: answer.location }),
    ...(answer.etag === undefined ? {} : { etag: answer.etag }),
  });
  response.end(answer.body);
}

function route(instance: SigstoreInstance, request: IncomingMessage, body: Buffer): ServiceAnswer {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const prefix = [...instance.services.keys()].find(
    (known) => url.pathname === known || url.pathname.startsWith(`${known}/`),
  );
  const service = prefix === undefined ? undefined : instance.services.get(prefix);
  if (prefix === undefined || service === undefined) return notFound;
  return service({
    method: request.method ?? "GET",
    path: url.pathname.slice(prefix.length),
    query: url.searchParams,
    type: request.headers["content-type"] ?? "",
    authorization: request.headers.authorization ?? "",
    body,
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBody) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}
