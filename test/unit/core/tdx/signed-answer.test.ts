import assert from "node:assert/strict";
import { test } from "node:test";
import { splitSignedAnswer } from "../../../../src/core/tdx/signed-answer.ts";

const signature = "ab".repeat(64);
const split = (text: string) => splitSignedAnswer(Buffer.from(text), "tcbInfo");

test("cuts the exact text out, whatever white space and braces are in it", () => {
  for (const text of ['{"id":"TDX"}', '{ "a" : "}\\",\\"signature\\":\\"" }', '{"a":{"b":[{"c":"ü"}]}}', "{}"]) {
    for (const answer of [
      `{"tcbInfo":${text},"signature":"${signature}"}`,
      ` {\n"tcbInfo" : ${text} ,\n "signature" : "${signature}" }\n`,
    ]) {
      assert.deepEqual(split(answer), { text, signature: Buffer.alloc(64, 0xab) });
    }
  }
});

const refused: Readonly<Record<string, string>> = {
  "no bytes": "",
  "a page of a proxy": "<html></html>",
  "another member": `{"enclaveIdentity":{},"signature":"${signature}"}`,
  "the members in another order": `{"signature":"${signature}","tcbInfo":{}}`,
  "a third member": `{"tcbInfo":{},"other":{},"signature":"${signature}"}`,
  "a third member behind": `{"tcbInfo":{},"signature":"${signature}","other":1}`,
  "the statement twice": `{"tcbInfo":{},"tcbInfo":{},"signature":"${signature}"}`,
  "a key twice in the statement": `{"tcbInfo":{"a":1,"a":2},"signature":"${signature}"}`,
  "a short signature": `{"tcbInfo":{},"signature":"abcd"}`,
  "a signature that is not hex": `{"tcbInfo":{},"signature":"${"zz".repeat(64)}"}`,
  "a statement that is a text": `{"tcbInfo":"{}","signature":"${signature}"}`,
  "something behind it": `{"tcbInfo":{},"signature":"${signature}"} {}`,
  "a deep statement": `{"tcbInfo":${'{"a":'.repeat(40)}1${"}".repeat(40)},"signature":"${signature}"}`,
};
for (const [what, text] of Object.entries(refused)) {
  test(`does not take ${what}`, () => {
    assert.equal(split(text), undefined);
  });
}
