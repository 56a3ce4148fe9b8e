import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { refusalOf } from "../../../../lab/stand-ins/guard.ts";
import type { Scope, ScopedCall } from "../../../../lab/stand-ins/guard.ts";

const methods = [
  ...["CheckConfig", "DiffConfig", "Configure", "Check", "Diff", "Create", "Read", "Update", "Delete", "Invoke"],
] as ScopedCall["method"][];
const local: Scope = { stack: "local", project: "shop", mode: "local" };
const preview: Scope = { ...local, mode: "preview" };
const urn = "urn:pulumi:local::shop::github:index/repository:Repository::repo";

test("inside its stack everything is allowed", () => {
  for (const method of methods) assert.equal(refusalOf(local, { method, urn }), undefined, method);
});

test("any URN but one of the stack and project is refused, for every method and mode", () => {
  const outside = [
    urn.replace("local", "production"),
    urn.replace("local", "localhost"),
    urn.replace("local", "LOCAL"),
    urn.replace("shop", "shop2"),
    urn.replace("local", "local "),
    "urn:pulumi:production::shop::a::urn:pulumi:local::shop::b::c",
    "local::shop::a::b",
  ];
  for (const scope of [local, preview]) {
    for (const method of methods) {
      for (const one of outside) {
        const reason = refusalOf(scope, { method, urn: one, preview: true });
        assert.notEqual(reason, undefined, `${scope.mode} ${method} ${one}`);
      }
    }
  }
});

test("no stack name but the scope's own passes", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (stack, project) => {
      fc.pre(stack !== "local" || project !== "shop");
      assert.notEqual(
        refusalOf(local, { method: "Create", urn: `urn:pulumi:${stack}::${project}::a:b:C::n` }),
        undefined,
      );
    }),
  );
});

test("a call without a URN is refused where its request has one", () => {
  for (const method of methods) {
    const isRefused = refusalOf(local, { method }) !== undefined;
    assert.equal(isRefused, method !== "Invoke" && method !== "Configure", method);
    assert.equal(refusalOf(local, { method, urn: "" }) !== undefined, isRefused, method);
  }
});

test("in mode preview only what a plan needs is allowed", () => {
  const allowed = methods.filter((method) => refusalOf(preview, { method, urn, preview: true }) === undefined);
  assert.deepEqual(allowed, ["CheckConfig", "DiffConfig", "Configure", "Check", "Diff", "Create", "Update", "Invoke"]);
  for (const method of ["Create", "Update"] as const) {
    assert.notEqual(refusalOf(preview, { method, urn, preview: false }), undefined);
    assert.notEqual(refusalOf(preview, { method, urn }), undefined);
  }
});

test("in mode preview a Read is refused, and whoever wants to adopt hears what to do", () => {
  const adopting = refusalOf(preview, { method: "Read", urn, adopts: true });
  assert.match(adopting ?? "", /can't look at what exists already.* Leave adopt .*out of the stack's settings/);
  assert.match(refusalOf(preview, { method: "Read", urn, adopts: false }) ?? "", /Read is no part of one/);
  assert.match(refusalOf(preview, { method: "Delete", urn, adopts: true }) ?? "", /Delete is no part of one/);
  assert.equal(refusalOf(local, { method: "Read", urn, adopts: true }), undefined);
});
