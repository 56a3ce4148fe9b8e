import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { rebuildAction } from "../../../src/cli/actions/rebuild.ts";
import { publishRebuilds } from "../../../src/cli/actions/publish-rebuilds.ts";
import { Failure } from "../../../src/core/failure.ts";
import { rebuildPredicate } from "../../../src/core/intoto/rebuild-predicate.ts";
import { platformsToRebuild } from "../../../src/operations/rebuild.ts";
import type { PlatformRebuild } from "../../../src/operations/rebuild.ts";
import type { PublishedStatement } from "../../../src/operations/publish-statement.ts";
import { runInProcess } from "../../support/command-line.ts";
import { codeThrown, failureFrom } from "../../support/failures.ts";
import { goodRebuild } from "../../support/rebuilds.ts";
import { startReleaseLab } from "../../support/release-lab.ts";
import { signerStackLab } from "../../support/stack-lab.ts";

const lab = await startReleaseLab();
const { manifest } = lab.release;
const folder = mkdtempSync(join(tmpdir(), "neko-rebuild-cli-"));
after(() => {
  rmSync(folder, { recursive: true });
});

const reference = `127.0.0.1:1/m1k1o/neko/base@sha256:${"0".repeat(64)}`;
const file = join(folder, "file");
writeFileSync(file, "");
const refusals = [
  {
    what: "two platforms",
    args: ["--output", join(folder, "x"), "--platform", "linux/amd64", "--platform", "linux/arm64"],
    code: "REBUILD_DESTINATION",
  },
  { what: "a folder", args: ["--output", folder], code: "FILE_NOT_WRITTEN" },
  { what: "a file for its folder", args: ["--output", join(file, "a", "b")], code: "FILE_NOT_WRITTEN" },
];
for (const { what, args, code } of refusals) {
  test(`rebuild --output with ${what} exits 2 with ${code} before anything is verified or built`, async () => {
    const { code: exitCode, stderr } = await runInProcess(["rebuild", reference, ...args]);
    assert.equal(exitCode, 2);
    assert.match(stderr, new RegExp(`\\n\\(code ${code}\\)\\n$`));
  });
}

test("with asSigner a release is verified under the signer's policy, and only then built", async (t) => {
  const stack = await signerStackLab(t, lab);
  const named = `${stack.repository}@${lab.evidence.digest}`;
  const options = {
    stack: "local",
    output: join(folder, "signer.json"),
    builderId: "https://github.com/alpha/neko/.github/workflows/rebuild.yml@refs/heads/master",
    platform: [],
    attribute: "signer-image",
    substituter: [],
    option: [],
  };
  // Where it gets as far as Nix, there is none.
  const context = { ...stack.context, environment: { ...stack.context.environment, PATH: folder } };
  const codeOf = async (asSigner: boolean): Promise<string> =>
    (await failureFrom(rebuildAction(named, { ...options, asSigner }, context))).code;
  assert.equal(await codeOf(false), "RELEASE_REFUSED");
  assert.equal(await codeOf(true), "NIX_MISSING");
});

test("asSigner without a stack has no policy to take", async () => {
  const { code, stderr } = await runInProcess(["rebuild", reference, "--as-signer", "--output", join(folder, "x")]);
  assert.equal(code, 2);
  assert.match(stderr, /--as-signer[\s\S]*\(code POLICY_NOT_NAMED\)\n$/);
});

test("several platforms of the release are refused where a single one is wanted", () => {
  const platforms = manifest.platforms.map(({ platform }) => platform);
  assert.ok(platforms.length > 1);
  const choose = (single: boolean): string =>
    codeThrown(() => platformsToRebuild({ manifest, platforms, single }, "x86_64-linux"), "chosen");
  assert.equal(choose(true), "REBUILD_DESTINATION");
  assert.equal(choose(false), "chosen");
});

const rebuildOf = (platform: "linux/amd64" | "linux/arm64"): PlatformRebuild => {
  const facts = goodRebuild(lab, { name: "alpha", number: 1 }, platform);
  const predicate = rebuildPredicate(facts);
  return { platform, released: facts.digest, equal: true, differences: [], facts, predicate };
};
const expired = new Failure({
  code: "IDENTITY_TOKEN_EXPIRED",
  kind: "usage",
  message: "The token is expired.",
  remedy: "Get a new one.",
});
const location = "registry.example/rebuilds";
const attachedOf = ({ released }: PlatformRebuild): PublishedStatement => ({
  referrer: manifest.digest,
  predicateType: "https://slsa.dev/provenance/v1",
  subject: released,
  signer: "somebody",
  listedBy: "api",
});

test("a build's result is not lost when it can't be signed: its predicate is kept, and the failure says where", async () => {
  const [amd64, arm64] = [rebuildOf("linux/amd64"), rebuildOf("linux/arm64")];
  const kept = mkdtempSync(join(folder, "kept-"));
  const publish = (rebuild: PlatformRebuild): Promise<PublishedStatement> =>
    rebuild === amd64 ? Promise.resolve(attachedOf(rebuild)) : Promise.reject(expired);
  await assert.rejects(publishRebuilds([amd64, arm64], publish, { location, folder: kept }), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, "IDENTITY_TOKEN_EXPIRED");
    const name = join(kept, "rebuild-linux-arm64.json");
    assert.deepEqual(error.details.slice(0, 2), [
      `already attached: ${location}@${amd64.released} https://slsa.dev/provenance/v1 ${manifest.digest}`,
      `not published, predicate kept: linux/arm64 (${arm64.released}) in ${name}`,
    ]);
    assert.deepEqual(JSON.parse(readFileSync(name, "utf8")), arm64.predicate);
    return true;
  });
  assert.deepEqual(readdirSync(kept), ["rebuild-linux-arm64.json"]);
});

test("a folder that can't be written does not hide why publishing failed; what is published leaves no file", async () => {
  const amd64 = rebuildOf("linux/amd64");
  const fail = (): Promise<PublishedStatement> => Promise.reject(expired);
  await assert.rejects(publishRebuilds([amd64], fail, { location, folder: join(file, "none") }), (error) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, "IDENTITY_TOKEN_EXPIRED");
    assert.match(error.details[0] ?? "", /^not published, predicate not kept: linux\/amd64 /);
    return true;
  });

  const published = (rebuild: PlatformRebuild): Promise<PublishedStatement> => Promise.resolve(attachedOf(rebuild));
  assert.equal((await publishRebuilds([amd64], published, { location, folder })).length, 1);
  assert.ok(!existsSync(join(folder, "rebuild-linux-amd64.json")));
});
