import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ESLint } from "eslint";

/**
 * The bans of eslint.config.js are seen failing. Text is linted under the path of an existing file, as type-checked
 * rules need a file that belongs to the TypeScript project.
 */

const checkout = join(import.meta.dirname, "..", "..");
const eslint = new ESLint({ cwd: checkout, cache: false });

const bans = new Set([
  "max-lines",
  "no-restricted-globals",
  "no-restricted-imports",
  "no-restricted-properties",
  "no-restricted-syntax",
]);

/** Which bans ESLint reports for this text, were it the content of `path`. */
async function reported(path: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: join(checkout, path), warnIgnored: true });
  assert.ok(result !== undefined, `ESLint looked at nothing for ${path}`);
  assert.equal(result.fatalErrorCount, 0, result.messages.map((message) => message.message).join("\n"));
  return [...new Set(result.messages.map((message) => message.ruleId ?? "ignored"))].filter((rule) => bans.has(rule));
}

const core = "src/core/duration.ts";
const adapter = "src/adapters/directories/directories.ts";
const verifier = "src/core/verify/verify-release.ts";
const mint = (from: string): string =>
  `import { mintVerifiedRelease } from "${from}";\n\nexport const minted = mintVerifiedRelease;\n`;

describe("core is refused", () => {
  const cases: [name: string, text: string, rule: string][] = [
    ["Date.now", "export const now = Date.now();\n", "no-restricted-properties"],
    ["new Date() without an argument", "export const now = new Date();\n", "no-restricted-syntax"],
    ["Date() called as a function", "export const now = Date();\n", "no-restricted-syntax"],
    ["performance", "export const now = performance.now();\n", "no-restricted-globals"],
    ["setTimeout", "setTimeout(() => undefined, 1);\n", "no-restricted-globals"],
    ["Math.random", "export const dice = Math.random();\n", "no-restricted-properties"],
    [
      "randomBytes",
      'import { randomBytes } from "node:crypto";\n\nexport const dice = randomBytes;\n',
      "no-restricted-syntax",
    ],
    [
      "the whole of node:crypto",
      'import * as all from "node:crypto";\n\nexport const dice = all;\n',
      "no-restricted-syntax",
    ],
    ["the crypto global", "export const dice = crypto.randomUUID();\n", "no-restricted-globals"],
    ["process", "export const home = process.env;\n", "no-restricted-globals"],
    ["globalThis", "export const all = globalThis;\n", "no-restricted-globals"],
    ["fetch", 'export const answer = fetch("https://example.org");\n', "no-restricted-globals"],
    ["console", 'console.log("hello");\n', "no-restricted-globals"],
    ["a default export", "export default 1;\n", "no-restricted-syntax"],
    ["more than 300 lines", "export {};\n".repeat(301), "max-lines"],
  ];
  for (const [name, text, rule] of cases) {
    test(name, async () => {
      assert.deepEqual(await reported(core, text), [rule]);
    });
  }
});

test("core may use dates and hashes that depend on their arguments alone", async () => {
  const text =
    'import { createHash } from "node:crypto";\n\nexport const pure = [createHash, new Date(0), Math.max(1, 2)];\n';
  assert.deepEqual(await reported(core, text), []);
});

test("a file of 300 lines is accepted", async () => {
  assert.deepEqual(await reported(core, "export {};\n".repeat(300)), []);
});

describe("a VerifiedRelease is minted by verify-release.ts alone", () => {
  test("another file of core is refused", async () => {
    assert.deepEqual(await reported(core, mint("./release/verified-release.ts")), ["no-restricted-imports"]);
  });
  test("an adapter is refused", async () => {
    assert.deepEqual(await reported(adapter, mint("../../core/release/verified-release.ts")), [
      "no-restricted-imports",
    ]);
  });
  test("a namespace import is refused", async () => {
    const text = 'import * as all from "../../core/release/verified-release.ts";\n\nexport const minted = all;\n';
    assert.deepEqual(await reported(adapter, text), ["no-restricted-imports"]);
  });
  test("a re-export is refused", async () => {
    const named = 'export { mintVerifiedRelease } from "../../core/release/verified-release.ts";\n';
    const everything = 'export * from "../../core/release/verified-release.ts";\n';
    assert.deepEqual(await reported(adapter, named), ["no-restricted-imports"]);
    assert.deepEqual(await reported(adapter, everything), ["no-restricted-imports"]);
  });
  test("a dynamic import is refused", async () => {
    const text = 'export const minted = import("../../core/release/verified-release.ts");\n';
    assert.deepEqual(await reported(adapter, text), ["no-restricted-syntax"]);
  });
  test("other names of that module are free to import", async () => {
    const text =
      'import { assertVerified } from "../../core/release/verified-release.ts";\n\nexport const used = assertVerified;\n';
    assert.deepEqual(await reported(adapter, text), []);
  });
  test("verify-release.ts itself is accepted", async () => {
    assert.deepEqual(await reported(verifier, mint("../release/verified-release.ts")), []);
  });
});

test("a default export outside core is refused, and index.ts alone may have one", async () => {
  assert.deepEqual(await reported(adapter, "export default 1;\n"), ["no-restricted-syntax"]);
  assert.deepEqual(await reported("index.ts", "export default 1;\n"), []);
});
