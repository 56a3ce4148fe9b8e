import assert from "node:assert/strict";
import { test } from "node:test";
import * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { CiSecrets } from "../../components/ci-secrets/component.ts";
import { latestOutcomes } from "../../lab/stand-ins/journal.ts";
import type { OperationResult } from "../../src/engine/open-stack.ts";
import type { Program } from "../../src/engine/program.ts";
import { ciSecretsFields, ciSecretsSettings, sealingSeedText, secretTexts } from "../support/ci-secrets.ts";
import { failureCodeOf } from "../support/failures.ts";
import { samplePolicy } from "../support/policies.ts";
import { standInsBench } from "../support/stand-ins.ts";

interface Given {
  readonly texts?: Readonly<Record<string, string>>;
  readonly settings?: object;
}

function programOf({ texts = secretTexts, settings = {} }: Given = {}): Program {
  return () => {
    const providers = {
      github: new github.Provider("github", {
        owner: "m1k1o",
        token: pulumi.secret("none"),
        baseUrl: "http://127.0.0.1:9/",
      }),
      gcp: new gcp.Provider("gcp", { project: "neko-ci", accessToken: pulumi.secret("none") }),
    };
    const approvals = { ...ciSecretsFields.workloadIdentity.approvals, onDestroy: "delete" };
    const workloadIdentity = { ...ciSecretsFields.workloadIdentity, approvals, onDestroy: "delete" };
    const args = {
      settings: ciSecretsSettings({ workloadIdentity, ...settings }),
      policy: samplePolicy(),
      secrets: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, pulumi.secret(text)])),
      sealingSeed: pulumi.secret(sealingSeedText),
      now: new Date("2026-11-27T12:00:00Z"),
    };
    const { secretNames, identityProviders } = new CiSecrets("ci", args, { providers });
    return Promise.resolve({ secretNames, identityProviders });
  };
}

const changed = (result: OperationResult): string[] =>
  result.resources.filter(({ op }) => op !== "same").map(({ op, urn }) => `${op} ${urn.split("::").at(-1) ?? ""}`);

test("secrets are sealed once: a second up changes nothing, a rotation changes its secret alone, state shows none", async (t) => {
  const bench = await standInsBench();
  t.after(() => bench.close());
  const assertNothingShown = (): void => {
    const texts = [bench.stateText(), JSON.stringify(bench.standIns.journal())];
    for (const hidden of ["plaintext of", sealingSeedText, "another token"]) {
      for (const text of texts) assert.ok(!text.includes(hidden), hidden);
    }
  };

  const stack = await bench.stack(programOf());
  const plan = await stack.preview();
  assert.deepEqual(Object.keys(plan.summary), ["create"]);
  const first = await stack.up();
  assert.deepEqual(first.summary, plan.summary);
  assertNothingShown();
  assert.deepEqual(first.outputs["secretNames"]?.value, Object.keys(secretTexts));

  assert.deepEqual(changed(await stack.preview()), []);
  assert.deepEqual(changed(await stack.up()), []);
  assert.deepEqual(changed(await stack.refresh()), []);

  const texts = { ...secretTexts, "release/GHCR_ACCESS_TOKEN": "another token" };
  const rotating = await bench.stack(programOf({ texts }));
  assert.deepEqual(changed(await rotating.up()), ["update ci-release-GHCR_ACCESS_TOKEN"]);
  assert.deepEqual(changed(await rotating.up()), []);
  assertNothingShown();

  const destroyed = await rotating.destroy();
  assert.deepEqual(Object.keys(destroyed.summary), ["delete"]);
  assert.equal(latestOutcomes(bench.standIns.journal()).size, 0);
  const gone = bench.standIns
    .journal()
    .filter(({ operation }) => operation === "delete")
    .map(({ urn }) => urn.split("::").at(-1) ?? "");
  for (const trusting of ["ci-production-apply-provider", "ci-production-apply-impersonation"]) {
    assert.ok(gone.indexOf(trusting) >= 0);
    assert.ok(gone.indexOf(trusting) < gone.indexOf("ci-production-environment"), `${trusting} goes before the rules`);
  }
  assert.deepEqual(bench.standIns.refusals(), []);
});

test("an empty secret is refused by the first plan, without its environment and without a change", async (t) => {
  const bench = await standInsBench();
  t.after(() => bench.close());
  const stack = await bench.stack(programOf({ texts: { ...secretTexts, "release/COSIGN_KEY": " " } }));
  assert.notEqual(await failureCodeOf(stack.preview()), "accepted");
  assert.deepEqual(bench.standIns.journal(), []);
});

test("what is kept refuses to be destroyed, and nothing else is left half gone", async (t) => {
  const bench = await standInsBench();
  t.after(() => bench.close());
  const stack = await bench.stack(programOf({ settings: { workloadIdentity: ciSecretsFields.workloadIdentity } }));
  await stack.up();
  assert.equal(await failureCodeOf(stack.destroy()), "ENGINE_UPDATE_FAILED");
  assert.ok(
    !bench.standIns.journal().some(({ operation, urn }) => operation === "delete" && urn.endsWith("::ci-pool")),
  );
});
