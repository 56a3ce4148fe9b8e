import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "../../../../src/core/oci/digest.ts";
import { labOrganization, readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { codesOf } from "../../../support/sigstore-findings.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";
import { productionRootBytes } from "../../../support/sigstore-production-root.ts";
import { changedRoot } from "../../../support/sigstore-root.ts";
import type { RootJson } from "../../../support/sigstore-root.ts";

const production = productionRootBytes();

test("reads the public-good root, names its digest, and finds no lab in it", () => {
  const root = readTrustedRoot(production);
  assert.ok(root.ok);
  assert.equal(root.proof.sha256, sha256Hex(production));
  assert.equal(root.proof.lab, false);
  assert.equal(root.proof.material.tlogs.length, 2);
  assert.equal(root.proof.material.timestampAuthorities.length, 1);
});

test("finds a lab's root by its authorities' subject, or by any certificate's name", async () => {
  await withLabSigstore((lab) => {
    assert.equal(lab.root.lab, true);
    const renamed = readTrustedRoot(
      changedRoot(lab.trustedRoot, (root) => {
        for (const authority of [...root.certificateAuthorities, ...root.timestampAuthorities])
          authority.subject.organization = "sigstore.dev";
      }),
    );
    assert.ok(renamed.ok);
    assert.equal(renamed.proof.lab, true);
  });
  const labelled = readTrustedRoot(
    changedRoot(production, (root) => {
      for (const authority of root.timestampAuthorities) authority.subject.organization = labOrganization;
    }),
  );
  assert.ok(labelled.ok);
  assert.equal(labelled.proof.lab, true);
});

test("a root that is malformed, or holds what is not known, is refused", () => {
  const [log] = (JSON.parse(production.toString()) as RootJson).tlogs;
  assert.ok(log);
  const changes: ((root: RootJson) => void)[] = [
    (root) => (root.mediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.9"),
    (root) => (root["extra"] = true),
    (root) =>
      (root.certificateAuthorities[0] = {
        ...root.certificateAuthorities[0]!,
        validFor: { start: "2021-01-01T00:00:00Z", ends: "2022-01-01T00:00:00Z" },
      }),
    (root) => (root.tlogs[0]!.publicKey.validFor = { start: "yesterday" }),
    (root) => (root.tlogs[0]!.publicKey.validFor = { start: "2021-01-12" }),
    (root) => (root.tlogs[0]!.publicKey.rawBytes = "AAAA"),
    (root) => (root.tlogs[0]!.publicKey.rawBytes = "not base64"),
    (root) => (root.certificateAuthorities[0]!.certChain.certificates = []),
    (root) => (root.certificateAuthorities[0]!.certChain.certificates = [{ rawBytes: "AAAA" }]),
    (root) => (root.tlogs = []),
    (root) => (root.ctlogs = []),
    (root) => (root.certificateAuthorities = []),
    (root) => root.tlogs.push(log),
  ];
  for (const [index, change] of changes.entries()) {
    assert.deepEqual(codesOf(readTrustedRoot(changedRoot(production, change))), ["ROOT_INVALID"], `change ${index}`);
  }
  const text = production.toString();
  for (const bytes of ["", "{}", "[]", "null", text.slice(0, -5), text.replace('"tlogs":', '"tlogs": [], "tlogs":')]) {
    assert.deepEqual(codesOf(readTrustedRoot(Buffer.from(bytes))), ["ROOT_INVALID"]);
  }
});
