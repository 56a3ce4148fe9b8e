import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { requireApprovedPolicies } from "../../../src/config/approved-policies.ts";
import type { ApprovalContext } from "../../../src/config/approved-policies.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import type { StackConfig } from "../../../src/config/stack-config.ts";
import { isDigest } from "../../../src/core/oci/digest.ts";
import { approvalDocument } from "../../../src/core/policy/published-approval.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { startMocks } from "../../support/mocks.ts";
import type { Mocks } from "../../support/mocks.ts";
import { stackFiles, stagingConfig } from "../../support/stack-files.ts";

const reads = "gcp:storage/getBucketObjectContent:getBucketObjectContent";
const other = `sha256:${"e".repeat(64)}`;
type Environment = "staging" | "production";

/** A stack that reads approvals from a bucket which has this object for its environment; undefined: it can't be read. */
async function stack(
  t: TestContext,
  environment: Environment,
  content: string | undefined,
  calls: Readonly<Record<string, unknown>>[] = [],
): Promise<StackConfig> {
  await startMocks({
    call: (token, inputs) => {
      if (token !== reads) return undefined;
      calls.push(inputs);
      // As gRPC has it, and the SDK reads it.
      if (content === undefined) throw Object.assign(new Error("13"), { details: "HTTP response code 403: no access" });
      return content === "no answer" ? {} : { content };
    },
  });
  const files = stackFiles(t);
  files.write(
    environment,
    stagingConfig({
      "policy.environment": environment,
      approvals: { bucket: "acme-approvals" },
      ghcrRepository: undefined,
    }),
  );
  return readYamlConfig(environment, files.directories);
}

function approving(environment: Environment, digest: string): string {
  assert.ok(isDigest(digest));
  return approvalDocument(environment, digest);
}

const update: ApprovalContext = {
  environment: {},
  offline: false,
  dryRun: false,
  google: () => new gcp.Provider("gcp", { project: "acme-staging" }),
};
const withVariable = (digest: string): ApprovalContext => ({
  ...update,
  environment: { NEKO_TRUST_POLICY_DIGEST: digest },
});

test("an update goes on when the platform, and in production the variable too, name the policies' digest", async (t) => {
  const digest = digestOfPolicies(await stack(t, "staging", undefined));
  const calls: Readonly<Record<string, unknown>>[] = [];
  await requireApprovedPolicies(await stack(t, "staging", approving("staging", digest), calls), update);
  assert.deepEqual(calls, [{ bucket: "acme-approvals", name: "approvals/staging.json" }]);
  const own = digestOfPolicies(await stack(t, "production", undefined));
  await requireApprovedPolicies(await stack(t, "production", approving("production", own)), withVariable(own));
});

test("a policy that was weakened against the approved digest is refused, by either approval", async (t) => {
  const digest = digestOfPolicies(await stack(t, "production", undefined));
  for (const [approved, variable] of [
    [other, digest],
    [digest, other],
  ] as const) {
    const config = await stack(t, "production", approving("production", approved));
    assert.equal(await failureCodeOf(requireApprovedPolicies(config, withVariable(variable))), "POLICY_NOT_APPROVED");
  }
});

test("production without the variable is refused, whatever was published", async (t) => {
  const digest = digestOfPolicies(await stack(t, "production", undefined));
  const config = await stack(t, "production", approving("production", digest));
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, update)), "POLICY_APPROVAL_MISSING");
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, withVariable(""))), "POLICY_APPROVAL_MISSING");
});

test("an approval that can't be read, is for another environment or is none refuses, also with the right variable", async (t) => {
  for (const environment of ["staging", "production"] as const) {
    const digest = digestOfPolicies(await stack(t, environment, undefined));
    const elsewhere = environment === "staging" ? "production" : "staging";
    for (const content of [undefined, "no answer", "", "{}", "null", digest, approving(elsewhere, digest)]) {
      const config = await stack(t, environment, content);
      assert.equal(
        await failureCodeOf(requireApprovedPolicies(config, withVariable(digest))),
        "APPROVAL_UNREADABLE",
        content,
      );
    }
  }
});

test("a stack that leaves the approvals out is held to the variable all the same", async (t) => {
  const named = await stack(t, "production", undefined);
  const config: StackConfig = { ...named, approvals: undefined };
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, update)), "POLICY_APPROVAL_MISSING");
  assert.equal(await failureCodeOf(requireApprovedPolicies(config, withVariable(other))), "POLICY_NOT_APPROVED");
  await requireApprovedPolicies(config, withVariable(digestOfPolicies(config)));
  const emptied = { ...config, admissionPolicies: undefined };
  assert.equal(await failureCodeOf(requireApprovedPolicies(emptied, update)), "POLICY_APPROVAL_MISSING");
});

test("a file that has nothing left is held to the variable, too: only the platform, which makes approvals, has none", async (t) => {
  const files = stackFiles(t);
  const empty = { "policy.environment": "production", releases: [], admissionPolicies: undefined };
  files.write("production", stagingConfig({ ...empty, ghcrRepository: undefined, githubOwner: undefined }));
  const emptied = readYamlConfig("production", files.directories);
  assert.equal(await failureCodeOf(requireApprovedPolicies(emptied, update)), "POLICY_APPROVAL_MISSING");
  files.write("platform", stagingConfig(empty));
  await requireApprovedPolicies(readYamlConfig("platform", files.directories), update);
});

test("a preview warns of what an update would refuse, also of what it can't read; an offline one asks nobody", async (t) => {
  const warnings: string[] = [];
  t.mock.method(pulumi.log, "warn", (message: string) => {
    warnings.push(message);
    return Promise.resolve();
  });
  const config = await stack(t, "staging", approving("staging", other));
  await requireApprovedPolicies(config, { ...update, dryRun: true });
  assert.match(warnings.join(), /^An update would be refused: .*another one was approved/);
  warnings.length = 0;
  await requireApprovedPolicies(await stack(t, "staging", undefined), { ...update, dryRun: true });
  assert.match(warnings.join(), /^An update would be refused: .*gs:\/\/acme-approvals\/approvals\/staging\.json.*403/);
  warnings.length = 0;
  const mocks: Mocks = await startMocks({ preview: true });
  await requireApprovedPolicies(config, { ...update, dryRun: true, offline: true });
  await mocks.settled();
  assert.deepEqual([mocks.resources, warnings], [[], []]);
});
