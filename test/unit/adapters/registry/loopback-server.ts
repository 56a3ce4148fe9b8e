import { createServer } from "node:http";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

/** One request as the server saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface PlannedAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Writes the body itself, for answers that never end. */
  readonly stream?: (response: ServerResponse) => void;
}

export interface LoopbackServer {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly seen: readonly SeenRequest[];
}

/** A server on 127.0.0.1 that answers as told, until the test ends. */
export async function startServer(
  t: TestContext,
  answer: (request: SeenRequest) => PlannedAnswer | Promise<PlannedAnswer>,
): Promise<LoopbackServer> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const one = {
        method: request.method ?? "",
        url: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks),
      };
      seen.push(one);
      void Promise.resolve(answer(one)).then((planned) => {
        response.writeHead(planned.status, planned.headers ?? {});
        if (planned.stream === undefined) response.end(planned.body ?? "");
        else planned.stream(response);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  );
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}
