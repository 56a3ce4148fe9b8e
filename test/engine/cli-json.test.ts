import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { localOverlayPath } from "../../src/config/local-overlay.ts";
import { copyCheckout } from "../support/program-checkout.ts";
import type { CheckoutCopy, Finished } from "../support/program-checkout.ts";
import { documentOf } from "../support/run-cli.ts";

/** One copy of the checkout for all: nothing runs in it, and nothing is started. */
async function withCopy(use: (copy: CheckoutCopy) => Promise<void>): Promise<void> {
  const copy = copyCheckout();
  try {
    await use(copy);
  } finally {
    await copy.remove();
  }
}

/** The command in words and as JSON: the same exit code, and one document. */
async function both(
  copy: CheckoutCopy,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<{ words: Finished; document: Readonly<Record<string, unknown>>; code: number | string }> {
  const words = await copy.run(args, variables);
  const json = await copy.run([...args, "--json"], variables);
  assert.equal(json.code, words.code, words.stderr);
  return { words, document: documentOf(json), code: json.code };
}

function codeIn(document: Readonly<Record<string, unknown>>): unknown {
  return (document["error"] as { code?: string } | undefined)?.code;
}

test("every command, where there is no lab: its exit code, and one JSON document that says the same", async () => {
  await withCopy(async (copy) => {
    const status = await both(copy, ["status"]);
    assert.equal(status.code, 3);
    assert.equal(status.document["ok"], false);
    assert.match(status.words.stdout, /✗ registry is not running[\s\S]+to do: Start the lab with: make up\n$/);

    const environment = await both(copy, ["env"]);
    assert.deepEqual([environment.code, codeIn(environment.document)], [3, "LAB_NOT_RUNNING"]);
    assert.match(environment.words.stderr, /\(code LAB_NOT_RUNNING\)\n$/);
    // What a shell would evaluate.
    assert.equal(environment.words.stdout, "");

    const preview = await both(copy, ["preview"]);
    assert.deepEqual([preview.code, codeIn(preview.document)], [3, "LAB_NOT_RUNNING"]);
    const unknown = await both(copy, ["preview", "--stack", "nowhere", "--offline"]);
    assert.deepEqual([unknown.code, codeIn(unknown.document)], [2, "STACK_UNKNOWN"]);

    const down = await both(copy, ["lab", "down"]);
    assert.equal(down.code, 0);
    assert.equal(down.document["ok"], true);
  });
});

test("a damaged state and a faulty stack are told by every command that reads them", async () => {
  await withCopy(async (copy) => {
    const overlay = localOverlayPath(copy.directories.state);
    mkdirSync(dirname(overlay), { recursive: true });
    writeFileSync(overlay, "{ not JSON");
    for (const args of [["status"], ["preview"], ["verify-image", "127.0.0.1:1/a:b", "--stack", "local"]]) {
      const { code, document } = await both(copy, args);
      assert.deepEqual([code, codeIn(document)], [3, "LAB_STATE_DAMAGED"], args.join(" "));
    }
    const file = join(copy.folder, "stacks", "Pulumi.broken.yaml");
    writeFileSync(file, "config:\n  neko-trust:trustedRoot: a\n  neko-trust:trustedRoot: b\n");
    for (const args of [
      ["preview", "--stack", "broken", "--offline"],
      ["verify-image", "127.0.0.1:1/a:b", "--stack", "broken"],
    ]) {
      const { code, document, words } = await both(copy, args);
      assert.deepEqual([code, codeIn(document)], [2, "CONFIG_NOT_YAML"], args.join(" "));
      assert.match(words.stderr, /line 3, column 3: Map keys must be unique/);
    }
    writeFileSync(file, "config:\n  neko-trust:policy: {}\n");
    const { code, document } = await both(copy, ["preview", "--stack", "broken", "--offline"]);
    assert.deepEqual([code, codeIn(document)], [2, "CONFIG_INVALID"]);
    assert.ok((document["error"] as { details: string[] }).details.length > 5);
  });
});

test("lab up without Go and without what it builds: exit 3, GO_MISSING", async (t) => {
  const empty = mkdtempSync(join(tmpdir(), "neko-no-go-"));
  t.after(() => {
    rmSync(empty, { recursive: true });
  });
  // A PATH with Node alone.
  symlinkSync(process.execPath, join(empty, "node"));
  await withCopy(async (copy) => {
    const variables = { PATH: empty, NEKO_TRUST_CACHE: join(empty, "cache") };
    const { code, document, words } = await both(copy, ["lab", "up"], variables);
    assert.deepEqual([code, codeIn(document)], [3, "GO_MISSING"]);
    assert.match(words.stderr, /\(code GO_MISSING\)\n$/);
  });
});
