import assert from "node:assert/strict";
import { test } from "node:test";
import { unwrap } from "../../../../src/adapters/registry/unwrap.ts";
import { Failure } from "../../../../src/core/failure.ts";
import type { Answer } from "../../../../src/core/oci/answer.ts";

test("hands over what was found", () => {
  assert.equal(unwrap({ kind: "found", value: 7 }, "it"), 7);
});

const failures: readonly (readonly [Answer<never>, string, RegExp])[] = [
  [{ kind: "absent" }, "REGISTRY_ABSENT", /^image r\/a: the registry has no such thing\.$/],
  [{ kind: "unauthorized", detail: "d" }, "REGISTRY_UNAUTHORIZED", /wants a sign-in \(d\)\.$/],
  [{ kind: "forbidden", detail: "d" }, "REGISTRY_FORBIDDEN", /forbids it \(d\)\.$/],
  [{ kind: "throttled", detail: "d", retryAfterSeconds: 9 }, "REGISTRY_THROTTLED", /throttles \(d\)\.$/],
  [{ kind: "broken", detail: "d" }, "REGISTRY_BROKEN", /no usable answer \(d\)\.$/],
  [{ kind: "too-large", detail: "d" }, "REGISTRY_TOO_LARGE", /more than is read \(d\)\.$/],
];
for (const [answer, code, message] of failures) {
  test(`"${answer.kind}" becomes ${code}, unavailable, with a remedy of its own`, () => {
    assert.throws(
      () => unwrap(answer, "image r/a"),
      (error) => {
        assert.ok(error instanceof Failure);
        assert.deepEqual([error.code, error.kind], [code, "unavailable"]);
        assert.match(error.message, message);
        assert.ok(error.remedy.length > 10);
        return true;
      },
    );
  });
}

test("a throttling registry's own time is passed on", () => {
  assert.throws(() => unwrap({ kind: "throttled", detail: "d", retryAfterSeconds: 9 }, "it"), {
    remedy: "Try again in 9 s.",
  });
});
