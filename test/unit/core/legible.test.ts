import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { legible } from "../../../src/core/legible.ts";

test("leaves ordinary text alone, in any script", () => {
  for (const text of ["", "a b", "✓ verified: café, 東京, 🙂", "sha256:ab…", "C:\\u{1b}"])
    assert.equal(legible(text), text);
});

test("shows control and format characters by their number", () => {
  assert.equal(legible("\u001b[2K\r\n"), "\\u{1b}[2K\\u{d}\\u{a}");
  assert.equal(legible("a\u202eb\u2066c\u200bd\ufeff"), "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}");
  assert.equal(legible("\u0000\u007f\u009b\u2028"), "\\u{0}\\u{7f}\\u{9b}\\u{2028}");
});

test("never lets a terminal's control character through, nor more text than it shows", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3000 }), (text) => {
      const shown = legible(text);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\u2028\u2029]/u);
      assert.ok(shown.isWellFormed());
    }),
  );
  assert.ok(legible("x".repeat(100_000)).length < 1100);
  assert.match(legible("x".repeat(1500)), /… \(500 characters more\)$/);
});
