import assert from "node:assert/strict";
import { test } from "node:test";
import { relationFaults } from "../../../src/config/stack-relations.ts";
import { sampleTee } from "../../support/policies.ts";

test("the signer's release that tee names is the stack's current or a retained one", () => {
  const other = `sha256:${"e".repeat(64)}`;
  const faults = (current: string, retained: string[]) =>
    relationFaults({ policy: { tee: sampleTee }, signerRelease: { current, retained, policy: {} } }, "other");
  assert.deepEqual(faults(sampleTee.signerRelease, []), []);
  assert.deepEqual(faults(other, [sampleTee.signerRelease]), []);
  assert.deepEqual(
    faults(other, []).map(({ path }) => path),
    ["policy.tee.signerRelease"],
  );
});

test("a signer that tee believes has a quorum, and asks for the credential that the broker keeps", () => {
  const signerOf = (perPlatform: number): object => ({
    policy: { tee: sampleTee },
    signerRelease: { current: sampleTee.signerRelease, policy: { rebuilds: { perPlatform } } },
  });
  const paths = (document: Readonly<Record<string, unknown>>): string[] =>
    relationFaults(document, "other").map(({ path }) => path);
  assert.deepEqual(paths({ ...signerOf(1) }), []);
  assert.deepEqual(paths({ ...signerOf(0) }), ["signerRelease.policy.rebuilds.perPlatform"]);
  const asks = (resource: string): object => ({
    gcp: {},
    signerRelease: { policy: {} },
    clusters: [{ name: "a", kubeconfig: "b", runs: ["key-broker"] }],
    keyBroker: { credential: { type: "credential", tag: "registry" } },
    confidentialSigner: { service: { keyBroker: { resource } } },
  });
  assert.deepEqual(paths({ ...asks("default/credential/registry") }), []);
  assert.deepEqual(paths({ ...asks("neko/credential/push") }), ["confidentialSigner.service.keyBroker.resource"]);
});
