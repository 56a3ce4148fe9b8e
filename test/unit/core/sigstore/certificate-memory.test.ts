import assert from "node:assert/strict";
import { test } from "node:test";
import { ASN1Obj, EXTENSION_OID_SCT, X509Certificate } from "@sigstore/core";
import { remembering } from "../../../../src/core/sigstore/certificate-memory.ts";
import { readTrustedRoot } from "../../../../src/core/sigstore/trusted-root.ts";
import { withLabSigstore } from "../../../support/sigstore-lab.ts";

interface Bundle {
  readonly verificationMaterial: { readonly certificate: { readonly rawBytes: string } };
}

/** A signer's certificate, who issued it, and one of another issuer; each parsed anew by every call. */
async function certificates() {
  const statement = Buffer.from('{"_type":"https://in-toto.io/Statement/v1"}');
  const { leaf, authorities } = await withLabSigstore(async (lab) => ({
    leaf: (JSON.parse(Buffer.from(await lab.sign(statement)).toString()) as Bundle).verificationMaterial.certificate
      .rawBytes,
    authorities: JSON.parse(Buffer.from(lab.trustedRoot).toString()) as {
      certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: string }, { rawBytes: string }] } }];
    },
  }));
  const [issuer, root] = authorities.certificateAuthorities[0].certChain.certificates;
  const parse = (text: string): X509Certificate => X509Certificate.parse(Buffer.from(text, "base64"));
  return { leaf: () => parse(leaf), issuer: () => parse(issuer.rawBytes), root: () => parse(root.rawBytes) };
}

test("a certificate that remembers says what one that doesn't says, however often it is asked", async () => {
  const { leaf, issuer, root } = await certificates();
  const plain = { leaf: leaf(), issuer: issuer(), root: root() };
  const remembered = { leaf: remembering(leaf()), issuer: remembering(issuer()), root: remembering(root()) };
  for (const time of [1, 2]) {
    const names = ["leaf", "issuer", "root"] as const;
    for (const one of names) {
      assert.deepEqual(remembered[one].root.toDER(), plain[one].root.toDER(), `DER of ${one}, time ${time}`);
      assert.deepEqual(remembered[one].publicKey, plain[one].publicKey);
      assert.deepEqual(remembered[one].tbsCertificate.toDER(), plain[one].tbsCertificate.toDER());
      assert.equal(remembered[one].verify(), one === "root", `${one} signed by itself, time ${time}`);
      for (const other of names) {
        assert.equal(remembered[one].equals(remembered[other]), one === other);
        const expected = plain[one].verify(plain[other]);
        assert.equal(remembered[one].verify(remembered[other]), expected, `${one} by ${other}, time ${time}`);
      }
    }
  }
  assert.ok(remembered.leaf.verify(remembered.issuer));
  assert.ok(!remembered.leaf.verify(remembered.root));
});

test("a copy of a certificate that remembers can be changed, and remembers nothing", async () => {
  const certificate = remembering((await certificates()).leaf());
  const before = certificate.root.toDER();
  const copy = certificate.clone();
  copy.extensions.pop();
  assert.notDeepEqual(copy.root.toDER(), before);
  assert.deepEqual(certificate.root.toDER(), before);
});

test("a copy without an extension is written as the library writes it, and what it shares stays as it was", async () => {
  const { leaf } = await certificates();
  const plain = leaf().clone();
  const certificate = remembering(leaf());
  const promise = plain.extensions.findIndex((extension) => extension.subs[0]?.toOID() === EXTENSION_OID_SCT);
  assert.ok(promise >= 0);
  const copies = [certificate.clone(), certificate.clone()];
  plain.extensions.splice(promise, 1);
  for (const copy of copies) {
    assert.deepEqual(copy.tbsCertificate.toDER(), certificate.tbsCertificate.toDER());
    assert.equal(copy.extensions[promise]?.subs[0]?.toOID(), EXTENSION_OID_SCT);
    copy.extensions.splice(promise, 1);
    assert.deepEqual(copy.tbsCertificate.toDER(), plain.tbsCertificate.toDER());
    assert.deepEqual(copy.root.toDER(), plain.root.toDER());
  }
});

test("a part that was not read where it lies is written", () => {
  const read = ASN1Obj.parseBuffer(Buffer.from([0x30, 0x03, 0x02, 0x01, 0x05]));
  const [number] = read.subs;
  assert.ok(number !== undefined);
  const made = remembering(new X509Certificate(new ASN1Obj(read.tag, read.value, [number, number])));
  assert.deepEqual([...made.root.toDER()], [0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x05]);
});

test("what is no certificate inside does not throw when it is told to remember", () => {
  const empty = new X509Certificate(ASN1Obj.parseBuffer(Buffer.from([0x30, 0x00])));
  assert.deepEqual([...remembering(empty).root.toDER()], [0x30, 0x00]);
});

test("another root's bytes are read, whatever root was read before", async () => {
  await withLabSigstore((lab) => {
    const first = readTrustedRoot(lab.trustedRoot);
    const changed = Uint8Array.from(lab.trustedRoot);
    changed[0] = 0x20;
    const second = readTrustedRoot(changed);
    const again = readTrustedRoot(lab.trustedRoot);
    assert.ok(first.ok && again.ok && !second.ok);
    assert.equal(second.findings[0].code, "ROOT_INVALID");
    assert.equal(first.proof.sha256, again.proof.sha256);
  });
});
