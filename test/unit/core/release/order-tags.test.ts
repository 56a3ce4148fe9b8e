import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { orderTags } from "../../../../src/core/release/order-tags.ts";

test("the newest versions come first, then all others as they came", () => {
  const tags = ["latest", "v1.2.3", "1.10.0", "main", "v2.0.0-rc.1", "v2.0.0", "sha-0a1b", "1.9.0"];
  const ordered = ["v2.0.0", "v2.0.0-rc.1", "1.10.0", "1.9.0", "v1.2.3", "latest", "main", "sha-0a1b"];
  assert.deepEqual(orderTags(tags), ordered);
});

test("no tag is lost or made up, whatever tags there are", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/)), (tags) => {
      assert.deepEqual([...orderTags(tags)].sort(), [...tags].sort());
    }),
  );
});
