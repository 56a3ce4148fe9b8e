import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { stringify } from "yaml";
import { attestSample } from "../../../../lab/attested-signature.ts";
import { labMachine } from "../../../../lab/tdx/lab-machine.ts";
import { policyExplainAction } from "../../../../src/cli/actions/policy-explain.ts";
import { promoteAction } from "../../../../src/cli/actions/promote.ts";
import { releaseSetAction } from "../../../../src/cli/actions/release-set.ts";
import { releaseCandidateAction, releaseTagAction } from "../../../../src/cli/actions/release-tag.ts";
import type { CommandContext } from "../../../../src/cli/context.ts";
import { policyDigest } from "../../../../src/core/policy/policy-digest.ts";
import { parseReference } from "../../../../src/core/release/reference.ts";
import { orderTags } from "../../../../src/core/release/order-tags.ts";
import { attestedLab } from "../../../support/attested-lab.ts";
import { withValues } from "../../../support/documents.ts";
import { localConfig, signerKeys, stackFiles } from "../../../support/stack-files.ts";

/** A checkout whose stack local demands an attested signature, of the lab's simulated machine. */
async function demanding(t: TestContext, changes: Readonly<Record<string, unknown>> = {}) {
  const lab = await attestedLab(t);
  const { config, input } = lab;
  const { mrtd, rtmr0 } = labMachine().measurements;
  const tee = {
    signerRelease: input.signer.digest,
    mrtd: [mrtd],
    rtmr0: [rtmr0],
    policyDigests: [policyDigest(config.policy).slice("sha256:".length)],
    platforms: [],
    statuses: ["UpToDate"],
    advisoriesAllowed: [],
    minEvaluation: 20,
    revoked: [],
  };
  const standard = {
    ...Object.fromEntries(["release", ...signerKeys].map((key) => [`neko-trust:${key}`, undefined])),
    "neko-trust:policy": { ...config.policy, tee },
    "neko-trust:signerRelease": config.signerRelease,
    "neko-trust:trustedRoot": config.trustedRoot,
    "neko-trust:releases": [],
  };
  const files = stackFiles(t);
  const yaml = (more: Readonly<Record<string, unknown>>): string =>
    stringify({ config: withValues(localConfig(), { ...standard, ...more }) }, { aliasDuplicateObjects: false });
  files.write("local", yaml(changes));
  const { repository, digest } = input.sample;
  const from = { "neko-trust:policy.environment": "staging", "neko-trust:clusters.0.kubeconfig": "kubeconfig" };
  const undemanding = { "neko-trust:policy.tee": undefined, "neko-trust:signerRelease": undefined };
  const releases = [{ image: repository, current: digest, retained: [] }];
  files.write("staging", yaml({ ...from, ...undemanding, "neko-trust:releases": releases }));
  const { checkout } = files.directories;
  const context: CommandContext = {
    directories: files.directories,
    environment: { HOME: checkout, DOCKER_CONFIG: checkout },
    now: () => new Date(),
    signal: new AbortController().signal,
    progress: () => undefined,
  };
  const quoteRoot = join(checkout, "quote-root.der");
  const namedBy = async (tag: string): Promise<string | undefined> => {
    const answer = await lab.client.resolve(parseReference(`${repository}:${tag}`));
    return answer.kind === "found" ? answer.value.digest : undefined;
  };
  return { lab, context, quoteRoot, repository, digest, reference: `${repository}@${digest}`, namedBy };
}

test("where a stack demands attested signatures, its releases get candidates' tags, wait for the signer, and are tagged, set, promoted and explained with its signature", async (t) => {
  const { lab, context, quoteRoot, repository, digest, reference, namedBy } = await demanding(t);
  for (const action of [
    () => releaseTagAction("local", reference, "1.2.3", {}, context),
    () => releaseSetAction("local", reference, { dryRun: true }, context),
    () => promoteAction("staging", "local", { dryRun: true }, context),
    () => policyExplainAction(reference, { stack: "local" }, context),
  ]) {
    const { exitCode, lines } = await action();
    assert.equal(exitCode, 1);
    assert.match(lines.join("\n"), /TEE_SIGNATURE_MISSING/);
    assert.doesNotMatch(lines.join("\n"), /TEE_SIGNER_RELEASE/);
  }

  const asked = await releaseCandidateAction("local", reference, context);
  assert.equal(asked.exitCode, 0, asked.lines.join("\n"));
  const { tagged } = asked.document as { tagged: string };
  const tag = tagged.slice(repository.length + 1);
  const version = tag.slice("candidate-".length);
  assert.equal(tag, `candidate-${version}`);
  assert.deepEqual(asked.lines.slice(1), [`${tagged} names it now.`]);
  assert.equal(await namedBy(tag), digest);
  assert.deepEqual((await releaseCandidateAction("local", reference, context)).lines.slice(1), [
    `${tagged} names it already.`,
  ]);
  assert.equal(orderTags(["latest", tag])[0], tag);

  const { pki } = await attestSample(lab.context, lab.input);
  writeFileSync(quoteRoot, pki.root.certificate);
  for (const action of [
    () => releaseTagAction("local", reference, version, { quoteRoot }, context),
    () => promoteAction("staging", "local", { dryRun: true, quoteRoot }, context),
    () => releaseSetAction("local", reference, { quoteRoot }, context),
    () => policyExplainAction(reference, { stack: "local", quoteRoot }, context),
  ]) {
    const { exitCode, lines } = await action();
    assert.equal(exitCode, 0, lines.join("\n"));
  }
  assert.equal(await namedBy(version), digest);
});

test("a candidate verifies but for what comes later: another refusal gives it no tag", async (t) => {
  const { context, reference, namedBy } = await demanding(t, { "neko-trust:policy.freshness.minVersion": "9999.0.0" });
  const { exitCode, lines } = await releaseCandidateAction("local", reference, context);
  assert.equal(exitCode, 1);
  assert.match(lines.join("\n"), /VERSION_TOO_OLD/);
  assert.match(lines.at(-1) ?? "", /^The candidate of .+ was not changed\.$/);
  for (const tag of ["candidate-1.2.3", "candidate-9999.0.0"]) assert.equal(await namedBy(tag), undefined);
});

test("a policy that demands no attested signature asks for none", async (t) => {
  const { context, reference } = await demanding(t, { "neko-trust:policy.tee": undefined });
  const { exitCode, lines } = await releaseCandidateAction("local", reference, context);
  assert.equal(exitCode, 0);
  assert.match(lines.join("\n"), /demands no attested signature \(tee\): none is asked for/);
});
