import { readFileSync } from "node:fs";

/** How long an answer about a connection is used again. A closed connection's port is not given out anew that soon. */
const rememberedMilliseconds = 1_000;

/**
 * Tells whether the other end of a loopback connection belongs to this user (or to root). The engine's protocol has no
 * password, and these stand-ins run commands: without this, any user of the machine could run some as us.
 */
export function peerGuard(ownUid: number, serverPort: () => number): (peer: string) => boolean {
  const known = new Map<string, { readonly own: boolean; readonly until: number }>();
  return (peer) => {
    const remembered = known.get(peer);
    if (remembered !== undefined && remembered.until > Date.now()) return remembered.own;
    const uid = uidOfConnection(readFileSync("/proc/net/tcp", "utf8"), peer, serverPort());
    const own = uid !== undefined && (uid === ownUid || uid === 0);
    known.set(peer, { own, until: Date.now() + rememberedMilliseconds });
    return own;
  };
}

/**
 * The user of the client's socket, from Linux's table of TCP sockets (Documentation/networking/proc_net_tcp.rst):
 * addresses are in hexadecimal, IPv4 in the machine's byte order. Undefined when the table has no such socket.
 */
export function uidOfConnection(table: string, peer: string, serverPort: number): number | undefined {
  const [, clientPort] = /^127\.0\.0\.1:(\d+)$/u.exec(peer) ?? [];
  if (clientPort === undefined) return undefined;
  const client = endpoint(Number(clientPort));
  const server = endpoint(serverPort);
  for (const line of table.split("\n").slice(1)) {
    const [, local, remote, , , , , uid] = line.trim().split(/\s+/u);
    if (uid !== undefined && client.includes(local ?? "") && server.includes(remote ?? "")) return Number(uid);
  }
  return undefined;
}

/** 127.0.0.1 with a port, as machines of either byte order write it. */
function endpoint(port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return [`0100007F:${hex}`, `7F000001:${hex}`];
}
