import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../../src/core/failure.ts";
import { imagePin, pinnedImage, pinsSchema, unresolvedPins } from "../../../../src/core/pins/pins.ts";

const digest = `sha256:${"a".repeat(64)}`;
const image = { name: "kbs", repository: "ghcr.io/confidential-containers/key-broker-service", version: "v0.21.0" };
const pins = (images: unknown) => pinsSchema.safeParse({ schema: 1, images, charts: [], actions: [], plugins: [] });

test("names a resolved image by its digest, and an unresolved one by a tag that no registry has", () => {
  const parsed = pinsSchema.parse({
    schema: 1,
    images: [
      { ...image, digest },
      { ...image, name: "rvps", digest: "unresolved" },
    ],
    charts: [],
    actions: [],
    plugins: [],
  });
  assert.equal(pinnedImage(imagePin(parsed, "kbs")), `${image.repository}@${digest}`);
  assert.equal(pinnedImage(imagePin(parsed, "rvps")), `${image.repository}:v0.21.0-unresolved`);
  assert.deepEqual(unresolvedPins(parsed), ["image rvps"]);
  assert.throws(
    () => imagePin(parsed, "other"),
    (error) => error instanceof Failure && error.code === "PIN_MISSING",
  );
});

test("refuses an image twice, a digest that is none, and an image without one", () => {
  for (const bad of [
    [
      { ...image, digest },
      { ...image, digest },
    ],
    [{ ...image, digest: "latest" }],
    [{ ...image, digest: "sha256:abc" }],
    [image],
  ]) {
    assert.equal(pins(bad).success, false, JSON.stringify(bad));
  }
});
