import assert from "node:assert/strict";
import { test } from "node:test";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { changesBetween, pathText, sameValue } from "../../../../../lab/stand-ins/wire/changes.ts";
import { keepSecret, redact, secretTexts } from "../../../../../lab/stand-ins/wire/secrets.ts";
import { fromStruct, toStruct } from "../../../../../lab/stand-ins/wire/struct.ts";
import { parseUrn } from "../../../../../lab/stand-ins/wire/urn.ts";
import {
  hasSecret,
  isSecret,
  masked,
  plain,
  reveal,
  secret,
  unknownValue,
} from "../../../../../lab/stand-ins/wire/values.ts";
import type { Value, ValueMap } from "../../../../../lab/stand-ins/wire/values.ts";

/** Protobuf's JavaScript maps have no such key. */
const keys = fc.string().filter((key) => key !== "__proto__");
const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
    tie("value").map(secret),
  ),
})).value;
const maps: fc.Arbitrary<ValueMap> = fc.dictionary(keys, values, { maxKeys: 5 });

test("a map survives the wire", () => {
  fc.assert(
    fc.property(maps, (map) => {
      const there = fromStruct(toStruct(map));
      assert.equal(canonicalize(there), canonicalize(map));
    }),
  );
});

test("no masked value holds a secret's text", () => {
  const hidden = "S3CRET-S3CRET";
  const place = fc.oneof(
    fc.constant<Value>(secret(hidden)),
    fc.constant<Value>(secret([{ deep: hidden }])),
    fc.constant<Value>([secret({ [hidden]: "as a key" })]),
    fc.constant<Value>({ nested: { more: [1, secret(secret(hidden))] } }),
  );
  fc.assert(
    fc.property(maps, fc.string(), place, (map, key, value) => {
      assert.ok(!JSON.stringify(masked({ ...map, [key]: value })).includes(hidden));
    }),
  );
});

test("plain values have no secret marks, and no null members", () => {
  fc.assert(
    fc.property(maps, (map) => {
      assert.ok(!hasSecret(plain(map)));
    }),
  );
  assert.deepEqual(plain({ a: null, b: secret({ c: secret("x"), d: null }) }), { b: { c: "x" } });
});

test("equal maps have no changes; a changed member is found by its path", () => {
  fc.assert(
    fc.property(maps, (map) => {
      assert.deepEqual(changesBetween(map, map), []);
    }),
  );
  const olds = { a: { b: [1, { c: "x" }] }, gone: true, nothing: null };
  const news = { a: { b: [1, { c: "y" }, 3] }, "new.one": 1 };
  const found = changesBetween(olds, news).map(({ path, kind }) => `${kind} ${pathText(path)}`);
  assert.deepEqual(found.sort(), ['add ["new.one"]', "add a.b[2]", "delete gone", "update a.b[1].c"]);
});

test("becoming secret, ceasing to be, and becoming unknown are changes", () => {
  assert.equal(changesBetween({ a: "x" }, { a: secret("x") }).length, 1);
  assert.equal(changesBetween({ a: secret("x") }, { a: "x" }).length, 1);
  assert.equal(changesBetween({ a: secret("x") }, { a: secret("x") }).length, 0);
  assert.equal(changesBetween({ a: "x" }, { a: unknownValue }).length, 1);
  assert.equal(sameValue(secret({ a: secret("x"), b: null }), { a: "x" }), true);
});

test("what a system answers stays secret where, and wherever, the input was", () => {
  const inputs = { password: secret("hunter-22"), list: [{ name: "a" }, { value: secret("in-a-list") }], open: "yes" };
  const outputs = keepSecret(inputs, {
    password: "hunter-22",
    list: [{ value: "in-a-list" }, { name: "a" }],
    data: { encoded: Buffer.from("hunter-22").toString("base64"), sentence: "it is hunter-22, really" },
    open: "yes",
  });
  assert.ok(isSecret(outputs["password"]));
  assert.ok(isSecret(outputs["list"]));
  const data = outputs["data"] as ValueMap;
  assert.ok(isSecret(data["encoded"]) && isSecret(data["sentence"]));
  assert.equal(outputs["open"], "yes");
  assert.equal(reveal(outputs["password"]), "hunter-22");
});

test("messages lose secrets in clear, in base64 and decoded, and as JSON writes them", () => {
  const texts = secretTexts({
    a: secret('two\n"lines"'),
    b: secret({ data: Buffer.from("plain text").toString("base64") }),
  });
  const message = redact(
    `a: ${JSON.stringify('two\n"lines"')} b: plain text c: ${Buffer.from('two\n"lines"').toString("base64")}`,
    texts,
  );
  assert.equal(message, 'a: "[secret]" b: [secret] c: [secret]');
});

test("a URN tells its stack, project, own type and name, and nothing else is one", () => {
  const urn = "urn:pulumi:local::shop::neko:x:Parent$kubernetes:core/v1:ConfigMap::a::b";
  assert.deepEqual(parseUrn(urn), {
    stack: "local",
    project: "shop",
    type: "kubernetes:core/v1:ConfigMap",
    name: "a::b",
  });
  for (const bad of ["", "urn:pulumi:local", "urn:pulumi:::shop::t::n", "urn:other:local::shop::t::n", ` ${urn}`]) {
    assert.equal(parseUrn(bad), undefined, bad);
  }
});
