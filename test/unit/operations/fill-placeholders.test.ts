import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { placeholderPath } from "../../../src/config/placeholders.ts";
import { parseYamlConfig } from "../../../src/config/read-config.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { placeholderQuestions, suggestedAnswer } from "../../../src/operations/fill-placeholders.ts";
import type { PlaceholderQuestion } from "../../../src/operations/fill-placeholders.ts";
import { productionConfig } from "../../support/stack-files.ts";

const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout: folder, state: folder, cache: folder, run: folder };
const production = parseYamlConfig(stringify({ config: productionConfig() }), "production", directories);
const { signerRelease } = production;
assert.ok(signerRelease !== undefined);
const organization = new Map([["placeholder-organization", "acme"]]);
const reference = `ghcr.io/placeholder-organization/neko/signer-disk@sha256:${"0".repeat(64)}`;

function questionAt(config: StackConfig, path: string): PlaceholderQuestion {
  const found = placeholderQuestions(config).find(({ places }) => places.some((one) => placeholderPath(one) === path));
  assert.ok(found !== undefined, path);
  return found;
}

test("what follows from an answer is suggested", () => {
  const text = { path: ["a"], value: "placeholder-organization/neko", description: "" };
  assert.equal(suggestedAnswer({ places: [text], description: "" }, organization), "acme/neko");
});

test("zeros in a reference, and an address of nobody in a URL, are never part of a suggested answer", () => {
  for (const value of [reference, "https://placeholder-organization:80@192.0.2.1/", `nix-${"0".repeat(32)}`]) {
    const question = { places: [{ path: ["a"], value, description: "" }], description: "" };
    assert.equal(suggestedAnswer(question, organization), undefined, value);
  }
});

test("a reference with zeros is asked for at each place, after what else is in it", () => {
  const disk = { kind: "oci" as const, reference };
  const retained = [`sha256:${"a".repeat(64)}` as const];
  const githubOwner = "placeholder-organization";
  const config = {
    ...production,
    githubOwner,
    signerRelease: { ...signerRelease, disk, retained, retainedDisks: [disk] },
  };
  const [one, other] = ["signerRelease.disk.reference", "signerRelease.retainedDisks.0.reference"].map((path) =>
    questionAt(config, path),
  );
  assert.deepEqual([one?.places.length, other?.places.length], [1, 1]);
  const questions = placeholderQuestions(config);
  const owner = questions.findIndex(({ places }) => places[0]?.value === "placeholder-organization");
  const at = questions.findIndex(({ places }) => places[0]?.value === reference);
  assert.ok(owner >= 0 && at > owner, `${owner} ${at}`);
  assert.ok(other !== undefined);
  // The disk of another release: what was answered for the one is no answer for the other.
  const answered = new Map([...organization, [reference, `ghcr.io/acme/neko/signer-disk@sha256:${"b".repeat(64)}`]]);
  assert.equal(suggestedAnswer(other, answered), undefined);
});
