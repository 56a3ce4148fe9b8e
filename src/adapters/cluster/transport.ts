import * as http from "node:http";
import * as https from "node:https";
import { Failure, reasonOf } from "../../core/failure.ts";
import { clusterUnreachable } from "./answers.ts";
import type { ClusterResponse } from "./answers.ts";
import type { ClusterAccess } from "./kubeconfig.ts";

export interface ClusterRequest {
  readonly method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** Absolute, each part already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
}

/** One request, one answer: no redirects, a cap on time and bytes. */
export type ClusterTransport = (request: ClusterRequest) => Promise<ClusterResponse>;

const maxBytes = 64 * 1024 * 1024;

/**
 * Requests to an API server with the official client's credentials and TLS settings. The bodies are sent as they are:
 * the client's own object API writes only the fields that its models know (so strict validation would never see an
 * unknown one) and puts names into lower case.
 */
export function clusterTransport(access: ClusterAccess, timeoutMilliseconds: number): ClusterTransport {
  const module = access.server.protocol === "http:" ? http : https;
  let agent: http.Agent | undefined;
  return async (request) => {
    const credentials: https.RequestOptions = {};
    try {
      await access.config.applyToHTTPSOptions(credentials);
    } catch (error) {
      throw badCredentials(error);
    }
    agent ??= new module.Agent({ ...tlsOf(credentials), keepAlive: true });
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const options: https.RequestOptions = {
      ...tlsOf(credentials),
      method: request.method,
      agent: access.asks.proxy ? credentials.agent : agent,
      auth: credentials.auth,
      signal: AbortSignal.timeout(timeoutMilliseconds),
      headers: { ...headersOf(credentials), ...contentHeaders(body, request.contentType), accept: "application/json" },
    };
    return await send(module, urlOf(access.server, request), options, body);
  };
}

function urlOf(server: URL, request: ClusterRequest): URL {
  const url = new URL(server.pathname.replace(/\/$/u, "") + request.path, server);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** Of the credentials, what a TLS connection needs; the rest belongs to a request. */
function tlsOf(
  options: https.RequestOptions,
): Pick<https.AgentOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername"> {
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function headersOf(options: https.RequestOptions): Record<string, string> {
  const headers = options.headers ?? {};
  const given = Object.entries(Array.isArray(headers) ? {} : headers) as [string, unknown][];
  return Object.fromEntries(given.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function contentHeaders(body: Buffer | undefined, contentType = "application/json"): Record<string, string> {
  return body === undefined ? {} : { "content-type": contentType, "content-length": String(body.length) };
}

function send(
  module: typeof http | typeof https,
  url: URL,
  options: https.RequestOptions,
  body: Buffer | undefined,
): Promise<ClusterResponse> {
  return new Promise((resolve, reject) => {
    const fail = (reason: string, cause?: unknown): void => {
      reject(clusterUnreachable(url.origin, reason, cause));
    };
    const request = module.request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > maxBytes) {
          fail(`its answer is larger than ${maxBytes} bytes`);
          request.destroy();
        } else chunks.push(chunk);
      });
      response.on("error", (error) => {
        fail(error.message, error);
      });
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks)) });
      });
    });
    request.on("error", (error) => {
      fail(error.name === "TimeoutError" || error.name === "AbortError" ? "it took too long" : error.message, error);
    });
    request.end(body);
  });
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function badCredentials(cause: unknown): Failure {
  return new Failure(
    {
      code: "KUBECONFIG_INVALID",
      kind: "usage",
      message: `The kubeconfig's credentials can't be used: ${reasonOf(cause)}.`,
      remedy: "Write the kubeconfig anew, with readable certificate files and an https server.",
    },
    { cause },
  );
}
