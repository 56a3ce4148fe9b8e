import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { sequence } from "../../../../lab/sigstore/der.ts";
import { writeRevocationList } from "../../../../lab/tdx/collateral-writer.ts";
import { newTdxKeys, pemChain } from "../../../../lab/tdx/pki.ts";
import { codesOfCase, issuedAt, labPki, nextUpdate, pkiWith, verifiedAt } from "../../../support/quotes.ts";
import type { QuoteCase } from "../../../support/quotes.ts";
import { caseName } from "../../../support/case-name.ts";

/** A list that is absent, forged, stale or another's says nothing, and nothing is accepted then. */

function refuses(name: string, one: QuoteCase, ...codes: readonly string[]): void {
  test(caseName("refuses", name), () => {
    assert.deepEqual(codesOfCase(one), codes);
  });
}

const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
const strangerPki = pkiWith({ keys: newTdxKeys() });

const list = (change: Partial<Parameters<typeof writeRevocationList>[0]>, by = labPki.platformCa): Buffer =>
  writeRevocationList({ issuer: by, signer: by.privateKey, revoked: [], issued: issuedAt, nextUpdate, ...change });
refuses("C11: a PCK that is revoked", { collateral: { revokedByCa: [labPki.pck.serial] } }, "CERTIFICATE_REVOKED");
refuses(
  "C12: an intermediate that is revoked",
  { collateral: { revokedByRoot: [labPki.platformCa.serial] } },
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_REVOKED",
);
refuses(
  "a TCB signer that is revoked",
  { collateral: { revokedByRoot: [labPki.tcbSigning.serial] } },
  "CERTIFICATE_REVOKED",
  "CERTIFICATE_REVOKED",
);
test("accepts lists that revoke others", () => {
  assert.deepEqual(
    codesOfCase({ collateral: { revokedByCa: [Buffer.of(1), Buffer.of(0x80, 2)], revokedByRoot: [Buffer.of(3)] } }),
    [],
  );
});
for (const name of ["rootCaCrl", "pckCrl"] as const) {
  const by = name === "rootCaCrl" ? labPki.root : labPki.platformCa;
  const parts = (bytes: Uint8Array): QuoteCase => ({ parts: { [name]: bytes } });
  refuses(`C6: an empty ${name}`, parts(new Uint8Array()), "COLLATERAL_CRL_INVALID");
  refuses(`C7: a ${name} of garbage`, parts(Buffer.from("garbage that is no list")), "COLLATERAL_CRL_INVALID");
  refuses(`a ${name} that is a certificate`, parts(by.certificate), "COLLATERAL_CRL_INVALID");
  refuses(
    `a ${name} with a byte after it`,
    parts(Buffer.concat([list({}, by), Buffer.of(0)])),
    "COLLATERAL_CRL_INVALID",
  );
  refuses(
    `C8: a ${name} that a stranger signed`,
    parts(list({ signer: stranger.privateKey }, by)),
    "COLLATERAL_CRL_SIGNATURE",
  );
  refuses(`C9: a ${name} by another issuer`, parts(list({}, labPki.tcbSigning)), "COLLATERAL_CRL_ISSUER");
  refuses(`a ${name} of more than a mebibyte`, parts(Buffer.alloc(1024 * 1024 + 1)), "COLLATERAL_TOO_LARGE");
  refuses(
    `C10: a ${name} that is due to be renewed`,
    parts(list({ nextUpdate: new Date(verifiedAt.getTime() - 1000) }, by)),
    "COLLATERAL_CRL_EXPIRED",
  );
  refuses(
    `a ${name} of the future`,
    parts(list({ issued: new Date(verifiedAt.getTime() + 1000) }, by)),
    "COLLATERAL_CRL_NOT_YET",
  );
  refuses(
    `a ${name} that is narrowed by a critical extension`,
    parts(list({ extensions: [{ id: "2.5.29.28", critical: true, value: sequence() }] }, by)),
    "COLLATERAL_CRL_INVALID",
  );
  test(`refuses a ${name} that is cut anywhere`, () => {
    const whole = list({ revoked: [Buffer.of(5)] }, by);
    for (let length = 0; length < whole.length; length += 7)
      assert.deepEqual(codesOfCase(parts(whole.subarray(0, length))), ["COLLATERAL_CRL_INVALID"]);
  });
}
refuses(
  "C9: the list of an authority that has the name of the PCK's issuer, and another key",
  {
    parts: {
      pckCrl: list({ signer: strangerPki.platformCa.privateKey }),
      pckCrlIssuerChain: pemChain(pkiWith({ keys: { ...strangerPki, root: labPki.root } }).platformCa, labPki.root),
    },
  },
  "COLLATERAL_CRL_ISSUER",
);
