import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { gt, valid } from "semver";
import { checkout } from "../support/engine/engine-under-test.ts";

/** Scripts of .github, each alone. test/peers/workflow-release.test.ts has those of the release in their order. */

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-scripts-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

function run(folder: string, script: string, args: readonly string[], environment: Record<string, string>): Ran {
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, GIT_CONFIG_NOSYSTEM: "1", ...environment };
  const { status, stdout, stderr } = spawnSync(join(checkout, ".github", script), args, {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

/** A repository with a commit for each time (RFC 3339); gives their ids. */
function commitsAt(folder: string, times: readonly string[]): string[] {
  const git = (args: readonly string[], time = ""): string => {
    const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      GIT_COMMITTER_DATE: time,
      GIT_AUTHOR_DATE: "2001-01-01T00:00:00Z",
    };
    const { status, stdout, stderr } = spawnSync("git", [...identity, ...args], { cwd: folder, env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };
  git(["init", "--quiet"]);
  return times.map((time) => {
    git(["commit", "--quiet", "--allow-empty", "--message", time], time);
    return git(["rev-parse", "HEAD"]);
  });
}

test("what master builds has a version of its commit alone: after the flake's own, before the next, in order of the commits' times", (t) => {
  const folder = folderFor(t);
  const times = ["2026-01-02T03:04:05+00:00", "2026-01-02T04:04:06+01:00", "2026-11-27T00:00:00+00:00"];
  const versions = commitsAt(folder, times).map((sha, position) => {
    const environment = { GITHUB_REF_TYPE: "branch", GITHUB_REF_NAME: "master", GITHUB_SHA: sha };
    const [here, elsewhere] = [{}, { TZ: "Asia/Tokyo", GITHUB_RUN_NUMBER: String(position) }].map(
      (more) => run(folder, "release-version.sh", ["3.1.6"], { ...environment, ...more }).stdout,
    );
    assert.equal(here, elsewhere);
    return here?.trim() ?? "";
  });
  assert.deepEqual(versions, ["3.1.7-dev.20260102030405", "3.1.7-dev.20260102030406", "3.1.7-dev.20261127000000"]);
  for (const [position, version] of versions.entries()) {
    assert.equal(valid(version), version);
    assert.ok(gt(version, versions[position - 1] ?? "3.1.6") && gt("3.1.7", version), version);
  }
});

test("a tag has to say the flake's version, and a changed tree is no release", (t) => {
  const folder = folderFor(t);
  const tagged = (name: string, version: string): Ran =>
    run(folder, "release-version.sh", [version], { GITHUB_REF_TYPE: "tag", GITHUB_REF_NAME: name, GITHUB_SHA: "" });
  assert.equal(tagged("v3.1.6", "3.1.6").stdout, "3.1.6\n");
  assert.match(tagged("v3.1.7", "3.1.6").stderr, /the tag is v3\.1\.7, and the flake says version 3\.1\.6/);
  const dirty = tagged("v3.1.6-dirty", "3.1.6-dirty");
  assert.deepEqual([dirty.code, dirty.stdout], [1, ""]);
});

/** What neko-trust was called with, one line each, and what came of it: it lists two releases of production, and its signer's. */
function rebuildCalls(
  t: TestContext,
  args: readonly string[],
  environment: Record<string, string> = {},
  script = listing,
): Ran & { readonly calls: readonly string[] } {
  const folder = folderFor(t);
  mkdirSync(join(folder, "scripts"));
  writeFileSync(join(folder, "scripts", "neko-trust"), script, { mode: 0o755 });
  writeFileSync(join(folder, "calls"), "");
  const ran = run(folder, "rebuild-release.sh", args, { REBUILDS: "ghcr.io/r/rebuilds", ...environment });
  const calls = readFileSync(join(folder, "calls"), "utf8").split("\n").slice(0, -1);
  return { ...ran, calls: calls.filter((call) => !call.startsWith("release list")) };
}

const listed = (name: string): string =>
  `echo ghcr.io/o/neko/${name}@sha256:1; echo '  retained ghcr.io/o/neko/${name}@sha256:0'`;
const listing = `#!/bin/sh
echo "$*" >>calls
case "$*" in
"release list production") ${listed("base")}; ${listed("firefox")} ;;
"release list production --as-signer") ${listed("signer")} ;;
esac
`;

for (const [name, options] of [
  ["base", "--attribute image"],
  ["firefox", "--attribute firefox-image"],
  ["signer", "--attribute signer-image --as-signer"],
] as const) {
  test(`rebuilds what production runs of ${name}, by its own attribute and policy; or the release that is named`, (t) => {
    const current = `rebuild ghcr.io/o/neko/${name}@sha256:1 --stack production ${options} --location ghcr.io/r/rebuilds`;
    assert.deepEqual(rebuildCalls(t, [name]).calls, [current]);
    assert.deepEqual(rebuildCalls(t, [name, ""], { SIGNING_CONFIG: "own.json" }).calls, [
      `${current} --signing-config own.json`,
    ]);
    for (const reference of [`ghcr.io/o/neko/${name}:3.1.6`, `ghcr.io/o/neko/${name}@sha256:9`]) {
      const named = `rebuild ${reference} --stack production ${options} --location ghcr.io/r/rebuilds`;
      assert.deepEqual(rebuildCalls(t, [name, reference]).calls, [named]);
    }
  });
}

test("rebuilds nothing of an image that production does not run, and says so", (t) => {
  const { code, calls, stdout } = rebuildCalls(t, ["vlc"]);
  assert.deepEqual([code, calls, stdout], [0, [], "production runs no release of an image that is called vlc\n"]);
});

test("another image's release is that image's turn, and red where nobody has it: a typing error, or another image chosen", (t) => {
  const other = (reference: string, chosen: Record<string, string>): readonly unknown[] => {
    const { code, calls, stdout } = rebuildCalls(t, ["base", reference], chosen);
    assert.deepEqual([calls, stdout], [[], `${reference} is another image than base\n`]);
    return [code];
  };
  for (const name of ["firefox", "signer"]) {
    assert.deepEqual(other(`ghcr.io/o/neko/${name}@sha256:9`, { CHOSEN: "all" }), [0]);
    assert.deepEqual(other(`ghcr.io/o/neko/${name}:3.1.6`, { CHOSEN: "base" }), [1]);
  }
  for (const reference of ["ghcr.io/o/neko/bsae@sha256:9", "ghcr.io/o/neko/other-base:1", "nonsense"]) {
    assert.deepEqual(other(reference, { CHOSEN: "all" }), [1]);
  }
});

test("a stack's file that can't be read is a failure, not a stack without a release", (t) => {
  const broken = "#!/bin/sh\necho broken >&2\nexit 2\n";
  const { code, calls, stdout } = rebuildCalls(t, ["base"], {}, broken);
  assert.deepEqual([code, calls, stdout], [2, [], ""]);
});
