import assert from "node:assert/strict";
import { test } from "node:test";
import { timestampFaults, unlistedFaults, watchedFaults } from "../../../src/config/signer-relations.ts";
import { relationFaults } from "../../../src/config/stack-relations.ts";

const path = "confidentialSigner.service.timestampUrl";
const stackOf = (tsa: number, timestampUrl: unknown) => ({
  policy: { roots: { tsa } },
  confidentialSigner: { service: { timestampUrl } },
});

test("a signer stamps with as many authorities as the stack's policy asks for", () => {
  const paths = (tsa: number, url: unknown) => timestampFaults(stackOf(tsa, url)).map((fault) => fault.path);
  assert.deepEqual(paths(1, "https://a.example"), []);
  assert.deepEqual(paths(2, ["https://a.example", "https://b.example"]), []);
  assert.deepEqual(paths(2, "https://a.example"), [path]);
  assert.deepEqual(paths(2, ["https://a.example", "https://a.example"]), [path]);
  // What can't be read is told elsewhere.
  for (const other of [undefined, 7, [7]]) assert.deepEqual(paths(2, other), []);
});

test("a stack's plan is refused for it", () => {
  const found = relationFaults(stackOf(2, "https://a.example"), "other").map((fault) => fault.path);
  assert.ok(found.includes(path), found.join());
});

test("where attested signatures are demanded, the signer watches every release's repository", () => {
  const stack = (repository: unknown, tee: object | undefined = {}) => ({
    policy: { tee, roots: { tsa: 1 } },
    releases: [{ image: "ghcr.io/o/neko/base" }, { image: "ghcr.io/o/neko/firefox" }],
    confidentialSigner: { service: { repository, timestampUrl: "https://a.example" } },
  });
  const both = ["ghcr.io/o/neko/firefox", "ghcr.io/o/neko/base"];
  assert.deepEqual(watchedFaults(stack(both)), []);
  assert.deepEqual(watchedFaults({ ...stack("ghcr.io/o/neko/base"), policy: {} }), []);
  const [fault] = watchedFaults(stack("ghcr.io/o/neko/base"));
  assert.match(fault?.allowed ?? "", /^must name ghcr\.io\/o\/neko\/firefox, too/);
  const found = relationFaults(stack("ghcr.io/o/neko/base"), "other").map((one) => one.path);
  assert.ok(found.includes("confidentialSigner.service.repository"), found.join());
  // What can't be read is told elsewhere.
  for (const other of [undefined, 7, [7]]) assert.deepEqual(watchedFaults(stack(other)), []);
});

test("a signer watches images of the policy and their mirrors, and no other", () => {
  const stack = (repository: unknown) => ({
    policy: {
      images: [{ repository: "ghcr.io/o/neko/base", mirrors: ["mirror.example/neko/base"] }],
      roots: { tsa: 1 },
    },
    confidentialSigner: { service: { repository, timestampUrl: "https://a.example" } },
  });
  assert.deepEqual(unlistedFaults(stack("ghcr.io/o/neko/base")), []);
  assert.deepEqual(unlistedFaults(stack(["mirror.example/neko/base"])), []);
  const [fault] = unlistedFaults(stack(["ghcr.io/o/neko/base", "ghcr.io/o/neko/firefox"]));
  assert.equal(fault?.found, "ghcr.io/o/neko/firefox");
  const found = relationFaults(stack("ghcr.io/o/neko/firefox"), "other").map((one) => one.path);
  assert.ok(found.includes("confidentialSigner.service.repository"), found.join());
  // What can't be read is told elsewhere.
  for (const other of [undefined, 7, [7]]) assert.deepEqual(unlistedFaults(stack(other)), []);
});
