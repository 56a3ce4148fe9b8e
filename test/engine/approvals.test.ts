import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { stateRoles } from "../../components/ci-secrets/state-access.ts";
import { gcpStandIn } from "../../lab/stand-ins/gcp/gcp.ts";
import { openJournal } from "../../lab/stand-ins/journal.ts";
import { serve } from "../../lab/stand-ins/server.ts";
import { requireApprovedPolicies } from "../../src/config/approved-policies.ts";
import { digestOfPolicies } from "../../src/config/digest-of-policies.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import type { Program } from "../../src/engine/program.ts";
import { approvalDocument } from "../../src/core/policy/published-approval.ts";
import { openSmallStack, smallProject } from "../support/engine/engine-under-test.ts";
import { holdsFor } from "../support/iam-conditions.ts";
import { stackFiles, stagingConfig } from "../support/stack-files.ts";

const bucket = "acme-state";
const user = "roles/storage.objectUser";

/** Every object that the backend keeps, as a bucket would name it; `.attrs` are how a folder keeps what buckets have. */
function objectsIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile() && !name.endsWith(".attrs"))
    .sort();
}

test("every object that the real engine writes for a stack is within its role, and within no other stack's", async (t) => {
  const project = smallProject(t);
  const backend = join(project.folder, "backend");
  const seen = new Set<string>();
  const program: Program = () => {
    // While it is locked.
    for (const name of objectsIn(backend)) seen.add(name);
    return Promise.resolve({ value: "x" });
  };
  const stack = await openSmallStack(project, { program });
  await stack.up();
  await stack.preview();
  await stack.up();
  for (const name of objectsIn(backend)) seen.add(name);
  const kinds = ["stacks/small/dev.json", "history/small/dev/", "backups/small/dev/", "locks/organization/small/dev/"];
  for (const kind of kinds)
    assert.ok(
      [...seen].some((name) => name.startsWith(`.pulumi/${kind}`)),
      `none of ${kind}`,
    );
  const writable = (name: string, object: string): boolean =>
    stateRoles({ bucket, stack: `organization/small/${name}` }, user).some(
      (role) => role.role === user && holdsFor(role, { bucket, object }),
    );
  for (const object of seen) {
    assert.equal(writable("dev", object), object !== ".pulumi/meta.yaml", object);
    for (const other of ["de", "dev2", "dev-eu", "platform"]) assert.equal(writable(other, object), false, object);
  }
  assert.ok(seen.has(".pulumi/meta.yaml"));
});

test("on the real engine a stack reads its approval through its own provider, in previews and updates; what is not there denies", async (t) => {
  const files = stackFiles(t);
  files.write(
    "staging",
    stagingConfig({
      approvals: { bucket: "acme-approvals" },
      ghcrRepository: undefined,
      "gcp.project": "acme-staging",
    }),
  );
  const config = readYamlConfig("staging", files.directories);
  const objects = new Map<string, string>();
  const asked: unknown[] = [];
  const standIn = {
    ...gcpStandIn(),
    invoke: (token: string, args: Readonly<Record<string, unknown>>) => {
      if (token !== "gcp:storage/getBucketObjectContent:getBucketObjectContent") return undefined;
      asked.push(args);
      const content = objects.get(`${String(args["bucket"])}/${String(args["name"])}`);
      return content === undefined ? undefined : { content };
    },
  };
  const journal = openJournal(join(files.directories.run, "journal.jsonl"));
  const served = await serve(standIn, { stack: "dev", project: "small", mode: "local" }, journal);
  t.after(() => served.stop());
  const warned: string[] = [];
  t.mock.method(pulumi.log, "warn", (message: string) => {
    warned.push(message);
    return Promise.resolve();
  });
  const program: Program = async () => {
    const google = () => new gcp.Provider("gcp", { project: "acme-staging", accessToken: pulumi.secret("none") });
    const dryRun = pulumi.runtime.isDryRun();
    await requireApprovedPolicies(config, { environment: {}, offline: false, dryRun, google });
    return { applied: true };
  };
  const stack = await openSmallStack(smallProject(t), { program, attach: `gcp:${served.port}` });
  const outcome = async (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "applied",
      (error: unknown) => (error instanceof Error && "code" in error ? String(error.code) : String(error)),
    );
  const object = "acme-approvals/approvals/staging.json";

  await stack.preview();
  assert.match(warned.splice(0).join(), /can't be read from gs:\/\/acme-approvals\/approvals\/staging\.json/);
  assert.equal(await outcome(stack.up()), "APPROVAL_UNREADABLE");
  objects.set(object, approvalDocument("staging", `sha256:${"e".repeat(64)}`));
  assert.equal(await outcome(stack.up()), "POLICY_NOT_APPROVED");
  objects.set(object, approvalDocument("production", digestOfPolicies(config)));
  assert.equal(await outcome(stack.up()), "APPROVAL_UNREADABLE");
  objects.set(object, approvalDocument("staging", digestOfPolicies(config)));
  await stack.preview();
  assert.deepEqual(warned, []);
  assert.equal(await outcome(stack.up()), "applied");
  for (const args of asked) assert.deepEqual(args, { bucket: "acme-approvals", name: "approvals/staging.json" });
  assert.equal(asked.length, 6);
});
