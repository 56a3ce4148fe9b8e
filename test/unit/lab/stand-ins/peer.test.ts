import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { startStandIns } from "../../../../lab/stand-ins/start.ts";
import { uidOfConnection } from "../../../../lab/stand-ins/peer.ts";
import { toStruct } from "../../../../lab/stand-ins/wire/struct.ts";

const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const [clientPort, serverPort] = [39984, 42759];
const clientEnd =
  "   1: 0100007F:9C30 0100007F:A707 01 00000000:00000000 00:00000000 00000000  1000        0 66194 2 0 20 0\n";
const serverEnd =
  "   2: 0100007F:A707 0100007F:9C30 01 00000000:00000000 00:00000000 00000000     0        0 66195 1 0 20 0\n";
const others = `   0: 0100007F:A707 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 66193 1 0 100 0
   3: 0100007F:9C31 0100007F:A708 01 00000000:00000000 00:00000000 00000000     0        0 66196 1 0 20 0
`;
const table = heading + others + clientEnd + serverEnd;

test("the owner is that of the client's socket, not of the server's", () => {
  assert.equal(uidOfConnection(table, clientPort, serverPort), 1000);
  assert.equal(uidOfConnection(heading + serverEnd + clientEnd, clientPort, serverPort), 1000);
});

test("a connection that the table does not have belongs to nobody", () => {
  assert.equal(uidOfConnection(table, clientPort + 1, serverPort), undefined);
  assert.equal(uidOfConnection(table, 1, serverPort), undefined);
  assert.equal(uidOfConnection(table, clientPort, serverPort + 1), undefined);
  assert.equal(uidOfConnection("", clientPort, serverPort), undefined);
  assert.equal(uidOfConnection(heading + others + clientEnd, clientPort, serverPort), undefined);
  assert.equal(uidOfConnection(heading + others + serverEnd, clientPort, serverPort), undefined);
});

test("a socket that was closed belongs to nobody, whatever uid Linux prints for it", () => {
  const ends = [clientEnd, serverEnd] as const;
  for (const end of ends) {
    const [other] = ends.filter((one) => one !== end);
    // All states but ESTABLISHED: SYN_SENT to NEW_SYN_RECV (include/net/tcp_states.h).
    for (const state of ["02", "03", "04", "05", "06", "07", "08", "09", "0A", "0B", "0C"]) {
      const closed = end.replace(" 01 ", ` ${state} `);
      assert.equal(uidOfConnection(heading + closed + (other ?? ""), clientPort, serverPort), undefined, closed);
    }
    const orphaned = end.replace(/6619[45]/u, "0");
    assert.equal(uidOfConnection(heading + orphaned + (other ?? ""), clientPort, serverPort), undefined, orphaned);
  }
});

test("two connections between the same ports, as a table in pieces may show them, belong to nobody", () => {
  assert.equal(uidOfConnection(table + clientEnd.replace(" 1000 ", " 1001 "), clientPort, serverPort), undefined);
  assert.equal(uidOfConnection(table + serverEnd, clientPort, serverPort), undefined);
});

/** One gRPC call (GetPluginInfo, an empty message) by hand, so that the other user needs none of our files. */
const callByHand = `
  const stream = require("node:http2").connect("http://127.0.0.1:" + process.argv[1]).request({
    ":method": "POST", ":path": "/pulumirpc.ResourceProvider/GetPluginInfo", "content-type": "application/grpc", te: "trailers",
  });
  const told = (headers) => { if ("grpc-status" in headers) { console.log(headers["grpc-status"]); process.exit(); } };
  stream.on("response", told);
  stream.on("trailers", told);
  stream.resume();
  stream.end(Buffer.alloc(5));
`;

async function statusFor(port: string, uid: number | undefined): Promise<string | undefined> {
  const child = spawn(process.execPath, ["-e", callByHand, port], {
    cwd: "/",
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await ended(child);
  return said === "" ? undefined : said.trim();
}

/** Also where it could not even be started, as in a folder that the other user may not enter. */
function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ["close", "error"]) {
      child.once(event, () => {
        resolve();
      });
    }
  });
}

const nobody = 65534;

/** The stand-ins in a folder of their own, and the port of the one that runs commands. */
async function withStandIns(act: (port: string, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-peer-"));
  const options = { stack: "local", project: "shop", mode: "local", journalFile: join(folder, "journal") } as const;
  const standIns = await startStandIns({ ...options, kubernetes: { kind: "files", directory: folder } });
  try {
    await act(/command:(\d+)/u.exec(standIns.debugProviders)?.[1] ?? "", folder);
  } finally {
    await standIns.stop();
    rmSync(folder, { recursive: true });
  }
}

test("another user of the machine is refused, whatever he calls", async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip("only root can act as another user");
    return;
  }
  await withStandIns(async (port) => {
    const status = { ok: "0", permissionDenied: "7" };
    assert.equal(await statusFor(port, undefined), status.ok);
    const answered = await statusFor(port, nobody);
    if (answered === undefined) t.skip("the other user can't start Node here");
    else assert.equal(answered, status.permissionDenied);
  });
});

/** Asks for a command that adds a line to `file`. */
async function createCommand(port: number | string, file: string): Promise<void> {
  const request = new messages.CreateRequest();
  request.setUrn("urn:pulumi:local::shop::command:local:Command::attack");
  request.setProperties(
    toStruct({ create: `echo ran >> ${file}`, environment: { NEKO_TRUST_TARGET: "http://127.0.0.1:9" } }),
  );
  const client = new service.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  try {
    await new Promise<void>((resolve, reject) => {
      client.create(request, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  } finally {
    client.close();
  }
}

/** What a client sends on its connection to create that command, word for word. */
async function bytesOfCreate(port: string, file: string): Promise<Buffer> {
  const sent: Buffer[] = [];
  const between = createServer((client) => {
    const server = connect(Number(port), "127.0.0.1");
    client.on("data", (chunk: Buffer) => sent.push(chunk));
    client.pipe(server).pipe(client);
    for (const socket of [client, server]) socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
  await createCommand((between.address() as AddressInfo).port, file);
  between.close();
  return Buffer.concat(sent);
}

/**
 * Opens connections, lets the server have its say (a socket that is closed with something unread is reset, and leaves
 * nothing behind), sends the call on each, and closes it while the call is being handled, 0 to 2 ms later.
 */
const writeAndClose = `
  const [port, hex, times] = process.argv.slice(1);
  const bytes = Buffer.from(hex, "hex");
  // Frames (RFC 9113, 4.1) up to the first HEADERS open the connection; the rest is the call.
  let start = 24;
  while (bytes[start + 3] !== 1) start += 9 + bytes.readUIntBE(start, 3);
  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  (async () => {
    for (let time = 0; time < Number(times); time++) {
      const socket = require("node:net").connect(Number(port), "127.0.0.1");
      socket.on("error", () => undefined).on("data", () => undefined);
      socket.write(bytes.subarray(0, start));
      await sleep(20);
      socket.write(bytes.subarray(start));
      const until = performance.now() + (time % 21) / 10;
      while (performance.now() < until);
      if (time % 5 === 0) socket.resetAndDestroy(); else socket.destroy();
    }
    console.log("done");
  })();
`;

test("another user who closes his connection right after a call gets no command run", async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip("only root can act as another user");
    return;
  }
  await withStandIns(async (port, folder) => {
    const file = join(folder, "ran");
    const ran = (): number => readFileSync(file, "utf8").split("\n").length - 1;
    const bytes = await bytesOfCreate(port, file);
    assert.equal(ran(), 1);
    const attack = spawn(process.execPath, ["-e", writeAndClose, port, bytes.toString("hex"), "100"], {
      cwd: "/",
      uid: nobody,
      gid: nobody,
    });
    attack.stderr.resume();
    let said = "";
    attack.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const attacked = ended(attack);
    for (let call = 0; call < 20; call++) await createCommand(port, file);
    await attacked;
    if (said.trim() !== "done") {
      t.skip("the other user can't start Node here");
      return;
    }
    // What came last is handled before this; a command takes a moment to run.
    await createCommand(port, file);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(ran(), 22);
  });
});
