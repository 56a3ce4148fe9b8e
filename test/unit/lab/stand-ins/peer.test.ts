import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startStandIns } from "../../../../lab/stand-ins/start.ts";
import { uidOfConnection } from "../../../../lab/stand-ins/peer.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:A707 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 66193 1 0 100 0 0 10 0
   1: 0100007F:9C30 0100007F:A707 01 00000000:00000000 00:00000000 00000000  1000        0 66194 2 0 20 0 0 10 -1
   2: 0100007F:A707 0100007F:9C30 01 00000000:00000000 00:00000000 00000000     0        0 66195 1 0 20 0 0 10 -1
   3: 0100007F:9C31 0100007F:A708 01 00000000:00000000 00:00000000 00000000     0        0 66196 1 0 20 0 0 10 -1
`;

test("the owner is that of the client's socket, not of the server's", () => {
  assert.equal(uidOfConnection(table, "127.0.0.1:39984", 42759), 1000);
});

test("a connection that the table does not have belongs to nobody", () => {
  assert.equal(uidOfConnection(table, "127.0.0.1:39985", 42759), undefined);
  assert.equal(uidOfConnection(table, "127.0.0.1:1", 42759), undefined);
  assert.equal(uidOfConnection(table, "10.0.0.1:39984", 42759), undefined);
  assert.equal(uidOfConnection(table, "unknown", 42759), undefined);
  assert.equal(uidOfConnection("", "127.0.0.1:39984", 42759), undefined);
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
  child.on("error", () => undefined);
  return (await Promise.race([once(child, "close"), once(child, "error")])).length > 0 && said !== ""
    ? said.trim()
    : undefined;
}

test("another user of the machine is refused, whatever he calls", async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip("only root can act as another user");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-peer-"));
  const options = { stack: "local", project: "shop", mode: "local", journalFile: join(folder, "journal") } as const;
  const standIns = await startStandIns({ ...options, kubernetes: { kind: "files", directory: folder } });
  try {
    const port = /command:(\d+)/u.exec(standIns.debugProviders)?.[1] ?? "";
    const status = { ok: "0", permissionDenied: "7" };
    assert.equal(await statusFor(port, undefined), status.ok);
    const nobody = 65534;
    const answered = await statusFor(port, nobody);
    if (answered === undefined) t.skip("the other user can't start Node here");
    else assert.equal(answered, status.permissionDenied);
  } finally {
    await standIns.stop();
    rmSync(folder, { recursive: true });
  }
});
