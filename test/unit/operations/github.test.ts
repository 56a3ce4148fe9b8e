import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { checkPackage } from "../../../src/operations/check-package.ts";
import type { CheckPackageOptions } from "../../../src/operations/check-package.ts";
import { setImmutableReleases } from "../../../src/operations/set-immutable-releases.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { fakeGitHub } from "../../support/fake-github.ts";
import type { FakeGitHub, FakeGitHubState } from "../../support/fake-github.ts";

const repository = { owner: "m1k1o", name: "neko" };

async function started(t: TestContext, changes: Partial<FakeGitHubState> = {}): Promise<FakeGitHub> {
  const server = await fakeGitHub(changes);
  t.after(() => server.close());
  return server;
}

const set = ({ url }: FakeGitHub, enabled: boolean, name = "neko") =>
  setImmutableReleases({ url, token: "t", repository: { owner: "m1k1o", name }, enabled, waitMilliseconds: 1 });
const writes = ({ calls }: FakeGitHub) =>
  calls.filter((call) => !call.startsWith("GET")).map((call) => call.split(" ")[0]);

test("immutable releases are turned on once, read back, and turned off again", async (t) => {
  for (const absentWhenOff of [false, true]) {
    const server = await started(t, { absentWhenOff });
    assert.deepEqual(await set(server, true), { outcome: "changed", enabled: true, enforcedByOwner: false });
    assert.deepEqual(await set(server, true), { outcome: "unchanged", enabled: true, enforcedByOwner: false });
    assert.deepEqual(writes(server), ["PUT"]);
    assert.deepEqual(await set(server, false), { outcome: "changed", enabled: false, enforcedByOwner: false });
    assert.deepEqual(await set(server, false), { outcome: "unchanged", enabled: false, enforcedByOwner: false });
    assert.deepEqual(writes(server), ["PUT", "DELETE"]);
  }
});

test("a read that lags is waited for, and one that never follows is a refusal", async (t) => {
  const server = await started(t);
  await set(server, false);
  server.state.lag = 4;
  assert.equal((await set(server, true)).outcome, "changed");
  const stuck = await started(t, { lag: 1000 });
  assert.equal(await failureCodeOf(set(stuck, true)), "IMMUTABLE_RELEASES_NOT_SET");
});

test("what the owner demands can't be turned off, and what can't be seen is not taken for off", async (t) => {
  const enforced = await started(t, { immutable: true, enforcedByOwner: true });
  assert.equal(await failureCodeOf(set(enforced, false)), "IMMUTABLE_RELEASES_ENFORCED");
  assert.deepEqual(writes(enforced), []);
  const stranger = await started(t, { absentWhenOff: true, administers: false });
  for (const enabled of [true, false]) {
    assert.equal(await failureCodeOf(set(stranger, enabled)), "GITHUB_REPOSITORY_UNSEEN");
    assert.equal(await failureCodeOf(set(stranger, enabled, "gone")), "GITHUB_REPOSITORY_UNSEEN");
  }
  assert.deepEqual(writes(stranger), []);
  for (const name of ["..", "a/b", "", "a?b", "a%2fb"]) {
    assert.equal(await failureCodeOf(set(stranger, true, name)), "GITHUB_NAME_INVALID", name);
  }
});

test("an answer that does not say is no answer", async (t) => {
  const server = await started(t, { fault: (_request, response) => response.end("{}") });
  assert.equal(await failureCodeOf(set(server, true)), "GITHUB_UNAVAILABLE");
  assert.equal(await failureCodeOf(check(server)), "GITHUB_UNAVAILABLE");
});

const declared = { owner: "m1k1o", ownerKind: "user", name: "neko", visibility: "public", repository } as const;
const check = ({ url }: FakeGitHub, changes: Partial<CheckPackageOptions> = {}) =>
  checkPackage({ url, token: "t", ...declared, ...changes });
const settings = "https://github.com/users/m1k1o/packages/container/neko/settings";

test("a package is as declared, or refused with each difference and the page to set it at", async (t) => {
  const server = await started(t, { package: { visibility: "public", repository: { full_name: "M1K1O/neko" } } });
  assert.deepEqual(await check(server), { state: "as-declared", settings });
  const differences = async (changed: FakeGitHubState["package"]): Promise<readonly string[]> => {
    server.state.package = changed;
    try {
      await check(server);
    } catch (error) {
      assert.ok(error instanceof Failure && error.code === "PACKAGE_NOT_AS_DECLARED" && error.kind === "refused");
      assert.ok(error.remedy.endsWith(settings));
      return error.details;
    }
    return [];
  };
  assert.deepEqual(await differences({ visibility: "private", repository: { full_name: "m1k1o/neko" } }), [
    "It is private, and was declared public.",
  ]);
  assert.deepEqual(await differences({ visibility: "private", repository: null }), [
    "It is private, and was declared public.",
    "It is linked to no repository, and not to m1k1o/neko.",
  ]);
  assert.deepEqual(await differences({ visibility: "public", repository: { full_name: "evil/neko" } }), [
    "It is linked to evil/neko, and not to m1k1o/neko.",
  ]);
});

test("before the first push it awaits the first release, if the token could have seen a package", async (t) => {
  const server = await started(t);
  assert.deepEqual(await check(server), { state: "awaiting-first-release", settings });
  for (const scopes of [undefined, "", "repo", "read:packages-not"]) {
    server.state.scopes = scopes;
    assert.equal(await failureCodeOf(check(server)), "PACKAGE_UNSEEN", scopes);
  }
});

test("a package below a path, and an organisation's, are asked for where they are", async (t) => {
  const server = await started(t);
  await check(server, { ownerKind: "organization", name: "neko/base" });
  assert.deepEqual(server.calls, ["GET /orgs/m1k1o/packages/container/neko%2Fbase"]);
  assert.equal(await failureCodeOf(check(server, { name: "neko/../x" })), "GITHUB_NAME_INVALID");
});
