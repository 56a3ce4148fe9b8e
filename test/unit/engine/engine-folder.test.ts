import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { SemVer } from "semver";
import { engineFolder } from "../../../src/engine/engine-folder.ts";
import type { Engine } from "../../../src/engine/find-engine.ts";

interface Place {
  readonly root: string;
  readonly file: (path: string) => string;
  readonly folder: (command: string, options?: { source?: Engine["source"]; path?: readonly string[] }) => string;
}

function place(t: TestContext): Place {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "neko-engine-folder-")));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const checkout = join(root, "checkout");
  const directories = { checkout, cache: join(root, "cache"), state: join(root, "state"), run: join(root, "run") };
  const version = new SemVer("3.259.0");
  return {
    root,
    file: (path) => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), "#!/bin/sh\n", { mode: 0o755 });
      return join(root, path);
    },
    folder: (command, { source = "built", path = [] } = {}) =>
      engineFolder({ command, version, source }, { directories, environment: { PATH: path.join(delimiter) } }),
  };
}

const ours = "checkout/dev/language-host/pulumi-language-nodejs";

test("a built engine and the checkout's host lie in one folder, which stays the same", (t) => {
  const { root, file, folder } = place(t);
  const [engine, host] = [file("tools/v1/bin/pulumi"), file(ours)];
  const made = folder(engine);
  assert.ok(made.startsWith(join(root, "cache")));
  assert.deepEqual(readdirSync(made).sort(), ["pulumi", "pulumi-language-nodejs"]);
  assert.equal(realpathSync(join(made, "pulumi")), engine);
  assert.equal(realpathSync(join(made, "pulumi-language-nodejs")), host);
  assert.equal(folder(engine), made);
  // From PATH, where it now is: nothing links to itself.
  assert.equal(folder(join(made, "pulumi"), { source: "path", path: [made] }), made);
  assert.equal(realpathSync(join(made, "pulumi")), engine);
  const newer = file("tools/v2/bin/pulumi");
  assert.equal(folder(newer), made);
  assert.equal(realpathSync(join(made, "pulumi")), newer);
  assert.deepEqual(readdirSync(made).sort(), ["pulumi", "pulumi-language-nodejs"]);
});

test("an installed Pulumi keeps its own host, beside it or elsewhere on PATH", (t) => {
  const { root, file, folder } = place(t);
  file(ours);
  const beside = file("installed/bin/pulumi");
  file("installed/bin/pulumi-language-nodejs");
  assert.equal(folder(beside, { source: "path" }), join(root, "installed/bin"));
  const alone = file("other/bin/pulumi");
  assert.equal(folder(alone, { source: "path", path: [join(root, "installed/bin")] }), join(root, "other/bin"));
  assert.notEqual(folder(alone, { source: "path" }), join(root, "other/bin"));
});

test("without a checkout there is the engine alone", (t) => {
  const { root, file, folder } = place(t);
  assert.equal(folder(file("tools/v1/bin/pulumi")), join(root, "tools/v1/bin"));
});
