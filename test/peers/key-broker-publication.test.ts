import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";
import { planOf } from "../../components/key-broker/args.ts";
import type { BrokerPlan } from "../../components/key-broker/args.ts";
import { jobArgs } from "../../components/key-broker/publication.ts";
import { openRego } from "../../lab/kbs/rego.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { findProgram } from "../../src/adapters/processes/find-program.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { adminToken } from "../../src/core/kbs/admin-token.ts";
import { failureCodeOf } from "../support/failures.ts";
import { attesterOf, credential, labAuthority, startLabKbs } from "../support/kbs.ts";
import { settingsWith } from "../support/key-broker-component.ts";
import { brokerPins, signerPolicy, signerVerifiedRelease } from "../support/key-broker.ts";

/**
 * The component's Job, container by container, as its kubelet would run it: curl with the very arguments that the component gives,
 * against the lab's key broker. Only folders and address are this machine's.
 */
const run = promisify(execFile);

const curl = findProgram("curl", process.env);
const skip = curl === undefined ? "there is no curl on PATH" : false;

const stepSchema = z.object({ name: z.string(), args: z.array(z.string()) });
const jobSchema = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({ initContainers: z.array(stepSchema), containers: z.array(stepSchema) }),
    }),
  }),
});
type Step = z.infer<typeof stepSchema>;

/** What the Job mounts, in a folder of this machine. */
function mounted(t: TestContext, plan: BrokerPlan): string {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-publication-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const { issuer, audience, role, minutes } = plan.settings.admin;
  const token = adminToken(labAuthority.adminKey, { issuer, audience, role, minutes }, new Date());
  const files: Readonly<Record<string, string>> = {
    "token/header": `Authorization: Bearer ${token}`,
    "credential/value": credential,
    "authority/ca.crt": labAuthority.tlsAuthority,
    ...Object.fromEntries(plan.compiled.requests.map(({ name, body }) => [`requests/${name}.json`, body])),
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function stepsOf(plan: BrokerPlan, folder: string, origin: string): Step[] {
  const { spec } = jobSchema.parse(jobArgs(plan, { credential: "c", tls: "t" }));
  const { initContainers, containers } = spec.template.spec;
  return [...initContainers, ...containers].map(({ name, args }) => ({
    name,
    args: args.map((arg) => arg.replace("/etc/publication", folder).replace(plan.serviceUrl, origin)),
  }));
}

test("what the component publishes is what lets the signer's release get the credential", { skip }, async (t) => {
  const directories = directoriesOf(fileURLToPath(new URL("../../", import.meta.url)), process.env);
  const { path: opa } = await ensureTool(pinnedTools.opa, { directories, environment: process.env });
  const rego = openRego(opa);
  t.after(rego.close);
  const plan = planOf(settingsWith(), signerPolicy(), [signerVerifiedRelease()], brokerPins, { dryRun: false });
  const { kbs: configuration } = plan.compiled.configs;
  const kbs = await startLabKbs(t, { rego, configuration, unpublished: true });
  assert.equal(await failureCodeOf(kbs.fetch()), "KBS_ATTESTATION_REFUSED");
  const steps = stepsOf(plan, mounted(t, plan), kbs.url.replace(/\/kbs$/, ""));
  assert.deepEqual(
    steps.map(({ name }) => name),
    ["attestation-policy", "resource-policy", "reference-value", "credential"],
  );
  for (const [index, { args }] of steps.entries()) {
    // The credential is last: nobody gets it while anything is missing.
    if (index > 0) assert.notEqual(await failureCodeOf(kbs.fetch()), "accepted");
    await run(curl ?? "curl", args);
  }
  const { bytes } = await kbs.fetch();
  assert.equal(Buffer.from(bytes).toString("utf8"), credential);
  assert.equal(
    await failureCodeOf(kbs.fetch({ attester: attesterOf({ rtmr2: "13".repeat(48) }) })),
    "KBS_TOKEN_STATUS",
  );
});

test(
  "the Job fails where the token is another administrator's, and where the broker is another",
  { skip },
  async (t) => {
    const plan = planOf(settingsWith(), signerPolicy(), [signerVerifiedRelease()], brokerPins, { dryRun: false });
    const kbs = await startLabKbs(t, { unpublished: true });
    const folder = mounted(t, plan);
    const [step] = stepsOf(plan, folder, kbs.url.replace(/\/kbs$/, ""));
    assert.ok(step !== undefined);
    const retries = step.args.indexOf("--retry");
    const once = step.args.toSpliced(retries + 1, 1, "0");
    writeFileSync(join(folder, "token/header"), "Authorization: Bearer a.b.c");
    await assert.rejects(run(curl ?? "curl", once), /401/);
    assert.equal(kbs.logged.at(-1), "administrator refused: POST /kbs/v0/attestation-policy");
    writeFileSync(join(folder, "authority/ca.crt"), labAuthority.tokenRoot);
    await assert.rejects(run(curl ?? "curl", once), /certificate/);
  },
);
