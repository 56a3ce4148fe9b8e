import assert from "node:assert/strict";
import { test } from "node:test";
import { requireEndorsementAddress } from "../../../src/adapters/google-tcb/endorsement-address.ts";
import { requireAddress } from "../../../src/adapters/intel-pcs/fetch-collateral.ts";
import { serviceAddress } from "../../../src/core/service-address.ts";
import { failureFrom } from "../../support/failures.ts";

const refused = [
  "https://user:geheim@pcs.example",
  "https://geheim@pcs.example",
  "https://pcs.example/?token=geheim",
  "https://pcs.example/#geheim",
  "http://pcs.example/geheim",
  "file:///geheim",
  "https://h/?",
  "https://h/#",
  "https://@geheim",
  " https://geheim ",
  "https://ho\nst/geheim",
  "https:geheim",
  "https:///geheim",
  "https:\\\\geheim",
  "geheim",
  "",
];

test("https, and http on loopback alone, without a slash at its end", () => {
  assert.equal(serviceAddress("https://pcs.example/sgx//"), "https://pcs.example/sgx");
  assert.equal(serviceAddress("http://127.0.0.1:8081/"), "http://127.0.0.1:8081");
  for (const text of refused) assert.equal(serviceAddress(text), undefined, text);
});

test("an address that is refused is not quoted: it may hold a password", async () => {
  for (const text of refused) {
    const asked = [() => requireAddress(text), () => requireEndorsementAddress(text, "a bucket")];
    for (const ask of asked) {
      const { code, message, details, remedy } = await failureFrom(Promise.resolve().then(ask));
      assert.match(code, /^(?:PCS|ENDORSEMENT)_URL_INVALID$/);
      assert.doesNotMatch([message, remedy, ...details].join(), /geheim/);
    }
  }
});
