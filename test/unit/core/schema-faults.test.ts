import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { schemaFaults } from "../../../src/core/schema-faults.ts";

/** What is shown of a value that a schema refuses, below these keys. */
function found(value: unknown, ...path: readonly string[]): string {
  const refused = z.custom(() => false, "must be something else");
  const schema = path.reduceRight<z.ZodType>((inner, key) => z.strictObject({ [key]: inner }), refused);
  const document = path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value);
  const parsed = schema.safeParse(document);
  assert.ok(!parsed.success);
  const [fault] = schemaFaults(parsed.error, document);
  return fault?.found ?? "";
}
const hidden = "(a secret, not shown)";

test("shows what is no secret though its name sounds like one: numbers of few digits, yes and no, null", () => {
  assert.equal(found(99, "keyBroker", "tokenMinutes"), "99");
  assert.equal(found(-1, "keyBroker", "tokenMinutes"), "-1");
  assert.equal(found(true, "ghcrRepository", "secretScanning"), "true");
  assert.equal(found(null, "githubToken"), "null");
  assert.equal(found({ tokenMinutes: 99, tag: "registry" }, "keyBroker"), '{"tokenMinutes":99,"tag":"registry"}');
});

test("hides every text, list and object there, and numbers that a password could be", () => {
  for (const value of ["x", "", "99", 10_000, 123_456, -123_456, 1e300, ["x"], [], {}, { a: 1 }])
    for (const name of [
      "githubToken",
      "password",
      "clientSecret",
      "privateKey",
      "credential",
      "apiKey",
      "tokenMinutes",
    ])
      assert.equal(found(value, "part", name), hidden, `${name}: ${JSON.stringify(value)}`);
  assert.equal(found({ password: 123_456, port: 123_456 }, "part"), `{"password":"${hidden}","port":123456}`);
  for (const name of ["password", "passphrase", "apiKey", "privateKey"]) {
    assert.equal(found(1234, "part", name), hidden, "people choose short ones");
    assert.equal(found({ [name]: 1234 }, "part"), `{"${name}":"${hidden}"}`);
  }
  for (const value of [1, true, null]) assert.equal(found(value, "secrets", "0"), hidden, "below such a name all is");
});

test("the part of CiSecrets holds no secret, but what is named so below it stays hidden", () => {
  assert.equal(found("master", "ciSecrets", "environments", "refs"), '"master"');
  assert.equal(found("value", "ciSecrets", "environments", "secrets"), hidden);
  assert.equal(found({ secrets: ["value"] }, "ciSecrets", "environments"), `{"secrets":"${hidden}"}`);
  assert.equal(found(`ghp_${"a1".repeat(18)}`, "ciSecrets", "environments", "name"), hidden);
  assert.equal(found("value", "ciSecretsToken"), hidden);
});

test("no text below a name that sounds like a secret is ever shown, however deep it lies", () => {
  const secret = "correct-horse-battery";
  const names = fc.constantFrom("githubToken", "secrets", "password", "PRIVATE", "api_key", "credential");
  const others = fc.array(fc.constantFrom("a", "ciSecrets", "list", "0"), { maxLength: 3 });
  const inside = fc.constantFrom<unknown>(secret, [secret], { a: { b: [secret] } }, { a: 1, b: secret });
  fc.assert(
    fc.property(others, names, others, inside, fc.nat(6), (before, name, after, value, cut) => {
      const path = [...before, name, ...after];
      const at = Math.min(cut, path.length);
      // The refused value may lie above the name, too: then it is within what is shown.
      const within = path.slice(at).reduceRight((inner, key) => ({ [key]: inner }), value);
      assert.ok(!found(within, ...path.slice(0, at)).includes(secret));
    }),
  );
});
