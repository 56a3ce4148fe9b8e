import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { oneObjectRole, stateObjects, stateRoles } from "../../../components/ci-secrets/state-access.ts";
import { holdsFor } from "../../support/iam-conditions.ts";
import type { StorageCall } from "../../support/iam-conditions.ts";

const bucket = "acme-state";
const staging = { bucket, stack: "organization/neko-trust/staging" };
const viewer = "roles/storage.objectViewer";
const user = "roles/storage.objectUser";

/** The roles that a call is allowed by. */
const rolesFor = (granted: string, call: StorageCall): string[] =>
  stateRoles(staging, granted)
    .filter((role) => holdsFor(role, call))
    .map(({ role }) => role);
const onObject = (granted: string, object: string) => rolesFor(granted, { bucket, object });
const listing = (granted: string, listed: string | undefined) => rolesFor(granted, { bucket, listed });

const own = {
  state: [
    ".pulumi/stacks/neko-trust/staging.json",
    ".pulumi/stacks/neko-trust/staging.json.bak",
    ".pulumi/stacks/neko-trust/staging.json.zst",
    ".pulumi/stacks/neko-trust/staging.pulumi-tags",
  ],
  folders: [
    ".pulumi/history/neko-trust/staging/staging-1764200000000000000.history.json",
    ".pulumi/history/neko-trust/staging/staging-1764200000000000000.checkpoint.json",
    ".pulumi/backups/neko-trust/staging/staging.1764200000000000000.json",
    ".pulumi/locks/organization/neko-trust/staging/4b2d.json",
  ],
  meta: ".pulumi/meta.yaml",
};

const others = [
  "",
  ".pulumi",
  ".pulumi/",
  ".pulumi/stacks/neko-trust/",
  ".pulumi/stacks/neko-trust/platform.json",
  ".pulumi/stacks/neko-trust/platform.json.bak",
  ".pulumi/stacks/neko-trust/production.json",
  ".pulumi/stacks/neko-trust/staging-eu.json",
  ".pulumi/stacks/neko-trust/staging",
  ".pulumi/stacks/neko-trust/staging.pulumi-tags.bak",
  ".pulumi/stacks/neko-trust2/staging.json",
  ".pulumi/stacks/staging.json",
  "x/.pulumi/stacks/neko-trust/staging.json",
  ".pulumi/history/neko-trust/platform/platform-1.checkpoint.json",
  ".pulumi/history/neko-trust/staging-eu/x.json",
  ".pulumi/history/neko-trust/staging",
  ".pulumi/backups/neko-trust/production/production.1.json",
  ".pulumi/locks/organization/neko-trust/platform/4b2d.json",
  ".pulumi/locks/neko-trust/staging/4b2d.json",
  ".pulumi/meta.yaml.bak",
  "approvals/staging.json",
];

test("who applies a stack may write its state, history, backups and locks; how the bucket is laid out, only read", () => {
  for (const object of [...own.state, ...own.folders]) assert.deepEqual(onObject(user, object), [user], object);
  assert.deepEqual(onObject(user, own.meta), [viewer]);
  for (const object of others) assert.deepEqual(onObject(user, object), [], object);
});

test("who plans a stack may read its state and the layout, and write nothing at all", () => {
  for (const object of [...own.state, own.meta]) assert.deepEqual(onObject(viewer, object), [viewer], object);
  for (const object of [...own.folders, ...others]) assert.deepEqual(onObject(viewer, object), [], object);
  assert.ok(stateRoles(staging, viewer).every(({ role }) => role === viewer));
});

test("a listing is allowed under the stack's own prefixes alone, never of the whole bucket", () => {
  const prefix = ".pulumi/stacks/neko-trust/staging.json";
  const folders = stateObjects(staging.stack).folders;
  for (const listed of [prefix, ...folders]) assert.deepEqual(listing(user, listed), [user], listed);
  assert.deepEqual(listing(viewer, prefix), [viewer]);
  for (const listed of folders) assert.deepEqual(listing(viewer, listed), []);
  for (const listed of [undefined, ...others, ".pulumi/stacks/", ".pulumi/locks/"]) {
    for (const role of [user, viewer]) assert.deepEqual(listing(role, listed), [], String(listed));
  }
});

test("another bucket's objects of the same names are none of it", () => {
  for (const object of [...own.state, ...own.folders, own.meta]) {
    assert.deepEqual(rolesFor(user, { bucket: `${bucket}2`, object }), []);
    assert.deepEqual(rolesFor(user, { bucket: "other", object }), []);
  }
});

test("no two stacks have an object in common, whatever they are called", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
  const stack = fc.tuple(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/), name);
  fc.assert(
    fc.property(stack, stack, ([project, one], [other, two]) => {
      fc.pre(project !== other || one !== two);
      const mine = stateObjects(`organization/${project}/${one}`);
      const roles = stateRoles({ bucket, stack: `organization/${other}/${two}` }, user);
      for (const object of [
        mine.state,
        `${mine.state}.bak`,
        mine.tags,
        ...mine.folders.map((path) => `${path}x.json`),
      ]) {
        assert.ok(!roles.some((role) => holdsFor(role, { bucket, object })), object);
      }
    }),
  );
});

test("a condition keeps IAM's bounds: 12 logical operators, 100 characters of title, 256 of description", () => {
  const longest = { bucket: "b".repeat(222), stack: `organization/${"p".repeat(33)}/${"s".repeat(33)}` };
  assert.equal(longest.stack.length, 80);
  const roles = [...stateRoles(longest, user), ...stateRoles(longest, viewer)];
  for (const { condition } of [
    ...roles,
    oneObjectRole("b".repeat(222), "approvals/production.json", "approval of production"),
  ]) {
    assert.ok((condition.expression.match(/\|\||&&|!/g) ?? []).length <= 12);
    assert.ok(condition.title.length <= 100 && condition.description.length <= 256);
  }
});

test("an approval is one object: neither another's, nor what its name begins, nor a listing", () => {
  const role = oneObjectRole("acme-approvals", "approvals/staging.json", "approval of staging");
  const call = (object: string) => holdsFor(role, { bucket: "acme-approvals", object });
  assert.equal(role.role, viewer);
  assert.equal(call("approvals/staging.json"), true);
  for (const object of ["approvals/production.json", "approvals/staging.json.bak", "approvals/", ""]) {
    assert.equal(call(object), false, object);
  }
  assert.equal(holdsFor(role, { bucket: "acme-approvals", listed: "approvals/" }), false);
  assert.equal(holdsFor(role, { bucket: "acme-approvals", listed: undefined }), false);
});
