import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../../../src/core/oci/digest.ts";
import { challengeImprint, reportData, stampImprint } from "../../../../src/core/tdx/report-data.ts";

const bytes = fc.uint8Array({ maxLength: 200 });

/** The formula of docs/decisions/0013, by another implementation of SHA-2 and with the encoding written out. */
async function independently(parts: {
  spki: Uint8Array;
  payload: Uint8Array;
  policy: Uint8Array;
  challenge: Uint8Array;
}): Promise<string> {
  const sha256 = async (data: Uint8Array): Promise<Buffer> =>
    Buffer.from(await webcrypto.subtle.digest("SHA-256", Uint8Array.from(data)));
  const type = "application/vnd.in-toto+json";
  const head = Buffer.from(`DSSEv1 28 ${type} ${String(parts.payload.length)} `, "ascii");
  const whole = Buffer.concat([
    Buffer.from("6e656b6f2d74727573742f7464782d7369676e65722f763100", "hex"),
    await sha256(parts.spki),
    await sha256(Buffer.concat([head, parts.payload])),
    await sha256(parts.policy),
    await sha256(parts.challenge),
  ]);
  return Buffer.from(await webcrypto.subtle.digest("SHA-512", whole)).toString("hex");
}

test("report data is the formula, computed independently", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, bytes, bytes, bytes, async (spki, payload, policy, challenge) => {
      const found = reportData({ spki, payload, policy: digestOf(policy), challenge });
      assert.equal(found.length, 64);
      assert.equal(Buffer.from(found).toString("hex"), await independently({ spki, payload, policy, challenge }));
    }),
  );
});

test("each part changes it, and no part can stand for another", () => {
  const same = {
    spki: Buffer.from("a"),
    payload: Buffer.from("b"),
    policy: digestOf("c"),
    challenge: Buffer.from("d"),
  };
  const hex = (changes: Partial<typeof same>): string =>
    Buffer.from(reportData({ ...same, ...changes })).toString("hex");
  const all = [
    hex({}),
    hex({ spki: Buffer.from("d") }),
    hex({ payload: Buffer.from("a") }),
    hex({ policy: digestOf("d") }),
    hex({ challenge: Buffer.from("a") }),
    hex({ spki: Buffer.from("d"), challenge: Buffer.from("a") }),
  ];
  assert.equal(new Set(all).size, all.length);
});

test("imprints are what the decision says", () => {
  const spki = Buffer.from("key");
  const sha = (data: string | Uint8Array): Buffer => createHash("sha256").update(data).digest();
  assert.deepEqual(
    Buffer.from(challengeImprint(spki)),
    Buffer.concat([Buffer.from("neko-trust/tdx-signer/v1/challenge\0"), sha(spki)]),
  );
  assert.deepEqual(
    Buffer.from(stampImprint(Buffer.from("quote"), Buffer.from("signature"))),
    Buffer.concat([sha("quote"), sha("signature")]),
  );
});
