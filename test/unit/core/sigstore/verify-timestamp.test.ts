import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import { timestampResponse } from "../../../../lab/sigstore/timestamp-authority.ts";
import { verifyTimestamp } from "../../../../src/core/sigstore/verify-timestamp.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";

const data = Buffer.from("what is stamped");

test("a time stamp is proven under its own root and over its own data alone", async () => {
  await withLabSigstore(async ({ root, server }) => {
    const { tsa } = server.instance.material;
    const now = new Date();
    const digest = hash("sha256", data, "buffer");
    const token = timestampResponse({ digest, withCertificate: true }, tsa, now);
    const verdict = verifyTimestamp(token, data, root);
    assert.ok(verdict.ok);
    assert.equal(verdict.time.time.getTime(), Math.floor(now.getTime() / 1000) * 1000);
    assert.equal(verifyTimestamp(token, Buffer.from("other"), root).ok, false);
    // Before the authority was there, and by one that this root does not name.
    const early = timestampResponse({ digest, withCertificate: true }, tsa, new Date(now.getTime() - 3600_000));
    assert.equal(verifyTimestamp(early, data, root).ok, false);
    await withLabSigstore((other) => {
      assert.equal(verifyTimestamp(token, data, other.root).ok, false);
    });
    // No changed byte makes another time of it, and none is thrown.
    const millisecond = verdict.time.time.getTime();
    for (let at = 0; at < token.length; at += 1) {
      const changed = Uint8Array.from(token);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      const found = verifyTimestamp(changed, data, root);
      if (found.ok) assert.equal(found.time.time.getTime(), millisecond, `byte ${String(at)}`);
    }
    for (let length = 0; length < token.length; length += 1) {
      assert.equal(verifyTimestamp(token.subarray(0, length), data, root).ok, false, `${String(length)} bytes`);
    }
  });
});
