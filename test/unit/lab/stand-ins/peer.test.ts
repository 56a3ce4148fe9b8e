import assert from "node:assert/strict";
import { test } from "node:test";
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
