import assert from "node:assert/strict";
import { test } from "node:test";
import { endorsementBucket, fetchEndorsement } from "../../../../src/adapters/google-tcb/fetch-endorsement.ts";
import { failureCodeOf } from "../../../support/failures.ts";
import { startServer } from "../registry/loopback-server.ts";

const mrtd = "ab".repeat(48);

test("asks Google's bucket by the MRTD, and gives the bytes as they come", async (t) => {
  const server = await startServer(t, () => ({ status: 200, body: Buffer.from([0, 255, 10]) }));
  const bytes = await fetchEndorsement({ mrtd, bucket: `http://${server.host}/gce_tcb_integrity/` });
  assert.deepEqual([...bytes], [0, 255, 10]);
  assert.deepEqual(
    server.seen.map(({ url }) => url),
    [`/gce_tcb_integrity/ovmf_x64_csm/tdx/${mrtd}.binarypb`],
  );
  assert.equal(endorsementBucket, "https://storage.googleapis.com/gce_tcb_integrity");
});

for (const [what, code, answer] of [
  ["an MRTD that Google does not know", "ENDORSEMENT_ABSENT", { status: 404 }],
  ["a bucket that is closed", "ENDORSEMENT_UNAVAILABLE", { status: 403 }],
  ["a bucket that fails", "ENDORSEMENT_UNAVAILABLE", { status: 500 }],
  ["a redirect", "ENDORSEMENT_UNAVAILABLE", { status: 302, headers: { location: "http://127.0.0.1:9/" } }],
  ["a huge answer", "ENDORSEMENT_UNAVAILABLE", { status: 200, body: Buffer.alloc(256 * 1024 + 1) }],
] as const) {
  test(`tells ${what}`, async (t) => {
    const server = await startServer(t, () => answer);
    assert.equal(await failureCodeOf(fetchEndorsement({ mrtd, bucket: `http://${server.host}`, retries: 0 })), code);
  });
}

test("takes an MRTD and an address with TLS, and nothing else", async () => {
  for (const text of ["", "ab", mrtd.toUpperCase(), `${mrtd}/..`, "../".repeat(32)])
    assert.equal(await failureCodeOf(fetchEndorsement({ mrtd: text, bucket: endorsementBucket })), "MRTD_INVALID");
  for (const bucket of ["", "http://storage.example", "https://a:b@storage.example", "https://storage.example?x"])
    assert.equal(await failureCodeOf(fetchEndorsement({ mrtd, bucket })), "ENDORSEMENT_URL_INVALID");
});
