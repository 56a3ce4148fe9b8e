import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Failure, reasonOf } from "../../core/failure.ts";

/** What a service tells of itself, asked anew for each request. */
export interface HealthSource {
  /** Whether it is healthy, with details that anybody may see. */
  readonly health: () => { readonly healthy: boolean; readonly document: Readonly<Record<string, unknown>> };
  /** Prometheus text. */
  readonly metrics: () => string;
}

export interface HealthServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** `host:port`; port 0 takes a free one. An IPv6 address stands in brackets. */
const addressPattern = /^(?:\[([0-9a-fA-F:]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/;

/**
 * Serves GET /healthz (200 when healthy, else 503) and GET /metrics, and nothing else; it takes no input but the path. Throws
 * HEALTH_ADDRESS_INVALID (usage) or HEALTH_ADDRESS_TAKEN (unavailable).
 */
export async function serveHealth(address: string, source: HealthSource): Promise<HealthServer> {
  const [, v6, name, portText] = addressPattern.exec(address) ?? [];
  const host = v6 ?? name;
  const port = Number(portText);
  if (host === undefined || port > 65_535) {
    throw new Failure({
      code: "HEALTH_ADDRESS_INVALID",
      kind: "usage",
      message: `${JSON.stringify(address.slice(0, 200))} is no address to listen at.`,
      remedy: "Write host:port, for example 127.0.0.1:8080.",
    });
  }
  const server = createServer(
    { requestTimeout: 5000, headersTimeout: 5000, maxHeaderSize: 4096 },
    (request, response) => {
      answer(request, response, source);
    },
  );
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(
        new Failure({
          code: "HEALTH_ADDRESS_TAKEN",
          kind: "unavailable",
          message: `Nothing can listen at ${address}: ${reasonOf(error)}`,
          remedy: "Choose another address with --health, or stop what listens there.",
        }),
      );
    });
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  const shown = typeof bound === "object" && bound !== null ? bound.port : port;
  return {
    url: `http://${v6 === undefined ? host : `[${v6}]`}:${shown}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, source: HealthSource): void {
  const send = (status: number, type: string, body: string): void => {
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : body);
  };
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(405, "text/plain", "GET only\n");
    return;
  }
  if (request.url === "/healthz") {
    const { healthy, document } = source.health();
    send(healthy ? 200 : 503, "application/json", `${JSON.stringify({ healthy, ...document })}\n`);
    return;
  }
  if (request.url === "/metrics") send(200, "text/plain; version=0.0.4", source.metrics());
  else send(404, "text/plain", "/healthz or /metrics\n");
}
