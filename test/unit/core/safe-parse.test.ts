import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { safeParse } from "../../../src/core/safe-parse.ts";

test("a value that no comparison can read is refused like any other, never thrown about", () => {
  const hostile: unknown = JSON.parse('{"length":{"toString":null,"valueOf":null}}');
  for (const schema of [z.string().min(1).max(9), z.array(z.string()).min(1).max(9)]) {
    assert.equal(safeParse(schema, hostile).success, false);
  }
  assert.deepEqual(safeParse(z.string().min(1), "a"), { success: true, data: "a" });
});
