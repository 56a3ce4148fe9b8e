import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { directoriesOf, homeOf } from "../../../src/adapters/directories/directories.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");

test("an empty variable is one that is not set: the current folder is never meant", () => {
  const empty = { NEKO_TRUST_CACHE: "", NEKO_TRUST_STATE: "", XDG_CACHE_HOME: "", XDG_STATE_HOME: "", HOME: "/h" };
  const { cache, state } = directoriesOf(checkout, empty);
  assert.equal(cache, "/h/.cache/neko-trust");
  assert.ok(state.startsWith("/h/.local/state/neko-trust/"));
  assert.notEqual(homeOf({ HOME: "" }), "");
});

test("a user without a home needs none where both folders are named", () => {
  const named = { NEKO_TRUST_CACHE: "/c", NEKO_TRUST_STATE: "/s" };
  assert.equal(directoriesOf(checkout, named).cache, "/c");
});
