import assert from "node:assert/strict";
import { test } from "node:test";
import { Failure } from "../../../src/core/failure.ts";
import { requireProviders } from "../../../src/core/require-providers.ts";

const provider = { any: "provider" };
const refused = (options: object | undefined, packages: readonly string[]) => {
  assert.throws(
    () => {
      requireProviders("Thing", options, packages);
    },
    (error) => error instanceof Failure && error.code === "PROVIDER_REQUIRED",
  );
};

test("takes one provider by either option, several by package only", () => {
  requireProviders("Thing", { provider }, ["gcp"]);
  requireProviders("Thing", { providers: { gcp: provider } }, ["gcp"]);
  requireProviders("Thing", { providers: { gcp: provider, github: provider } }, ["gcp", "github"]);
});

test("refuses a component whose provider would be Pulumi's default one", () => {
  refused(undefined, ["gcp"]);
  refused({}, ["gcp"]);
  refused({ providers: { github: provider } }, ["gcp"]);
  refused({ provider }, ["gcp", "github"]);
  refused({ providers: [provider, provider] }, ["gcp", "github"]);
});
