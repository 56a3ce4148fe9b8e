import assert from "node:assert/strict";
import { test } from "node:test";
import type { SignerSettings } from "../../../../src/core/signer-settings.ts";
import { settingsChange } from "../../../../src/operations/attested-key/settings-change.ts";
import { failure } from "../../../support/watching.ts";

const settings: SignerSettings = {
  repositories: ["ghcr.io/m1k1o/neko/base"],
  kbsUrl: "https://kbs.example.org/kbs",
  kbsResource: "default/credential/registry",
  collateralUrl: "https://api.trustedservices.intel.com/sgx/certification/v4",
  tsaUrls: ["https://timestamp.sigstore.dev/api/v1/timestamp"],
};

/** Reads these, one at each look, and the settings as they are when there are no more; then the signal is aborted. */
async function changed(answers: readonly (SignerSettings | Error)[]) {
  const stop = new AbortController();
  let looks = 0;
  const read = (): Promise<SignerSettings> => {
    const answer = answers[looks];
    looks += 1;
    if (answer === undefined) stop.abort();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer ?? settings);
  };
  const found = await settingsChange(settings, { read, intervalMilliseconds: 1, signal: stop.signal });
  return { found, looks };
}

test("another value of any setting is a change, and so is what can't be a service's", async () => {
  for (const other of [
    { ...settings, repositories: [...settings.repositories, "ghcr.io/m1k1o/neko/firefox"] },
    { ...settings, kbsUrl: "https://other.example.org/kbs" },
    { ...settings, kbsResource: "default/credential/other" },
    { ...settings, collateralUrl: "https://pccs.example.org/sgx/certification/v4" },
    { ...settings, tsaUrls: [] },
    failure("usage", "METADATA_INVALID"),
  ]) {
    assert.deepEqual(await changed([settings, other]), { found: true, looks: 2 });
  }
});

test("the same settings, and a metadata server that does not answer, are none", async () => {
  const silent = failure("unavailable", "METADATA_UNREADABLE");
  assert.deepEqual(await changed([silent, settings, { ...settings }, silent]), { found: false, looks: 5 });
});

test("a bug is none of them", async () => {
  await assert.rejects(changed([new TypeError("a bug")]), TypeError);
});
