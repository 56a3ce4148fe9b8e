import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/** The kernel gives the table in pieces, and a line can fall between two while other sockets come and go. */
const looks = 3;

/**
 * Tells whether a connection to one of our loopback ports belongs to this user. The engine's protocol has no password,
 * and these stand-ins run commands: without this, any user of the machine could run some as us.
 *
 * To be asked in the server's `connection` event, before anything else happens: the answer then holds for as long as
 * the connection lives, as nobody else can take over a connected socket.
 */
export function isOwnConnection(socket: Pick<Socket, "remoteAddress" | "remotePort" | "localPort">): boolean {
  const ownUid = process.getuid?.();
  const { remoteAddress, remotePort, localPort } = socket;
  // A connection that was reset meanwhile has no remote address any more.
  if (ownUid === undefined || remoteAddress !== "127.0.0.1" || remotePort === undefined || localPort === undefined)
    return false;
  for (let look = 0; look < looks; look++) {
    const uid = uidOfConnection(tableOfSockets(), remotePort, localPort);
    if (uid !== undefined) return uid === ownUid;
  }
  return false;
}

/** Linux's table of IPv4 sockets; empty where there is none, so that every connection is refused there. */
function tableOfSockets(): string {
  try {
    return readFileSync("/proc/net/tcp", "utf8");
  } catch {
    return "";
  }
}

/** A row's columns, by their place (Documentation/networking/proc_net_tcp.rst). */
const column = { local: 1, remote: 2, state: 3, uid: 7, inode: 9 } as const;
const established = "01";

/**
 * The user of the client's socket, from Linux's table of TCP sockets (Documentation/networking/proc_net_tcp.rst):
 * addresses are in hexadecimal, IPv4 in the machine's byte order. Undefined unless both ends of the connection are
 * established and in somebody's hands. Linux tells uid 0 and inode 0 for a socket that its owner has closed
 * (FIN_WAIT, TIME_WAIT), so that the uid of such a row says nothing; and a server's end with inode 0 has not been
 * accepted yet: then it is not the connection that is asked about, but a later one from the same port.
 */
export function uidOfConnection(table: string, clientPort: number, serverPort: number): number | undefined {
  const rows = table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/u))
    .filter((row) => row[column.state] === established && (row[column.inode] ?? "0") !== "0");
  const between = (from: number, to: number): (readonly string[])[] => {
    const [local, remote] = [endpoint(from), endpoint(to)];
    return rows.filter((row) => local.includes(row[column.local] ?? "") && remote.includes(row[column.remote] ?? ""));
  };
  const [client, ...otherClients] = between(clientPort, serverPort);
  const [server, ...otherServers] = between(serverPort, clientPort);
  if (client === undefined || server === undefined || otherClients.length + otherServers.length > 0) return undefined;
  const uid = client[column.uid] ?? "";
  return /^\d+$/u.test(uid) ? Number(uid) : undefined;
}

/** 127.0.0.1 with a port, as machines of either byte order write it. */
function endpoint(port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return [`0100007F:${hex}`, `7F000001:${hex}`];
}
