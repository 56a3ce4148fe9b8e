import assert from "node:assert/strict";
import { test } from "node:test";
import type { RegistryClient } from "../../../src/adapters/registry/client.ts";
import { openSignerRelease } from "../../../src/operations/open-signer-release.ts";
import { sampleDigest, samplePolicy, sampleRepository } from "../../support/policies.ts";

/** A preview that plans offline asks nobody. */
const nobody = new Proxy({} as RegistryClient, {
  get() {
    throw new Error("the registry was asked");
  },
});
const context = { client: nobody, checkout: "/nonexistent", now: new Date(), folder: "/nonexistent", offline: true };

test("a stack without a signer's release opens none", async () => {
  assert.equal(await openSignerRelease({ trustedRoot: "root.json" }, context), undefined);
});

test("an offline preview plans the current release and the retained ones, with disks that were not fetched", async () => {
  const policy = samplePolicy({ name: "signer" });
  const opened = await openSignerRelease(
    {
      trustedRoot: "root.json",
      signerRelease: {
        ...{ policy, image: sampleRepository, current: sampleDigest("a"), retained: [sampleDigest("b")] },
        disk: { kind: "file", path: "disk.tar.gz" },
      },
    },
    context,
  );
  assert.equal(opened?.policy, policy);
  assert.deepEqual(
    [opened.current, ...opened.retained].map(({ signer, disk }) => [signer.data.digest, signer.data.policyName, disk]),
    [
      [sampleDigest("a"), "signer", "planned"],
      [sampleDigest("b"), "signer", "planned"],
    ],
  );
});
