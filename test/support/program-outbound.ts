import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A proxy that forwards nothing and remembers who was asked for. */
export interface OutboundWatch {
  /** Variables that send all traffic which is not for loopback through it, of Go programs and of Node. */
  readonly environment: Readonly<Record<string, string>>;
  /** `host:port` or URL of each request, in order. */
  readonly asked: readonly string[];
  stop(): void;
}

/**
 * Watches for traffic that would leave this machine: Go's HTTP and gRPC clients and Node (with NODE_USE_ENV_PROXY) ask
 * the proxy for every host that NO_PROXY does not name, before any name is resolved.
 */
export async function watchOutbound(): Promise<OutboundWatch> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(403).end();
  });
  server.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const both = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: "127.0.0.1,localhost" };
  const lower = Object.fromEntries(Object.entries(both).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    environment: { ...both, ...lower, NODE_USE_ENV_PROXY: "1" },
    asked,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
