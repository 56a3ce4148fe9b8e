import { createServer } from "node:net";
import type { Server } from "node:net";

function listenOn(port: number): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>();
  const server = createServer();
  server.once("error", () => {
    resolve(undefined);
  });
  server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
    resolve(server);
  });
  return promise;
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  server.close(() => {
    resolve(undefined);
  });
  await promise;
}

/** Whether something could listen on a loopback port now. */
export async function portIsFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server === undefined) return false;
  await close(server);
  return true;
}

/** `count` distinct loopback TCP ports that were free a moment ago; the kernel rarely hands them out again at once. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    while (servers.length < count) {
      const server = await listenOn(0);
      if (server === undefined) throw new Error("no free TCP port on 127.0.0.1");
      servers.push(server);
    }
    return servers.map((server) => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new TypeError("a TCP server without a port");
      return address.port;
    });
  } finally {
    // All are held until each is known, so that no two are the same.
    await Promise.all(servers.map(close));
  }
}

/** One free loopback TCP port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free TCP port on 127.0.0.1");
  return port;
}
