import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import type { TestContext } from "node:test";

/** A server on 127.0.0.1 that writes bytes of its own to each request, however wrong: `127.0.0.1:<port>` and how many came. */
export async function startRawServer(
  t: TestContext,
  answer: (socket: Socket, request: number) => void,
): Promise<{ readonly host: string; readonly requests: () => number }> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      if (!/^(?:GET|HEAD|POST|PUT) /.test(chunk.toString("latin1"))) return;
      requests += 1;
      answer(socket, requests);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests: () => requests };
}
