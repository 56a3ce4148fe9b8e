import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import program from "../../index.ts";
import type { ProgramContext } from "../../index.ts";
import { placesOf } from "../../lab/places.ts";
import { startStandIns } from "../../lab/stand-ins/start.ts";
import type { StandIns } from "../../lab/stand-ins/start.ts";
import { pushTamperedCopy } from "../../lab/tamper.ts";
import { localOverlayPath, readLocalOverlay } from "../../src/config/local-overlay.ts";
import { Failure } from "../../src/core/failure.ts";
import { openStack } from "../../src/engine/open-stack.ts";
import type { StackHandle } from "../../src/engine/open-stack.ts";
import { stateFile } from "../../src/engine/pending-operations.ts";
import { engineUnderTest } from "../support/engine/engine-under-test.ts";
import { startProgramLab } from "../support/program-lab.ts";
import type { ProgramLab } from "../support/program-lab.ts";
import { writeStaging } from "../support/program-staging.ts";

let lab: ProgramLab;
before(async () => {
  lab = await startProgramLab();
});
after(() => lab.close());

/** Fails unless the operation is refused with this code; returns the refusal's details. */
async function refusal(work: Promise<unknown>, code: string): Promise<readonly string[]> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Failure, `not refused: ${String(error)}`);
  assert.equal(error.code, code, [error.message, ...error.details].join("\n"));
  return error.details;
}

interface Staging {
  readonly standIns: StandIns;
  readonly open: (context: Partial<ProgramContext>) => Promise<StackHandle>;
}

/** Stack staging of this program in a folder of its own, attached to stand-ins for its offline preview. */
async function stagingStack(t: TestContext): Promise<Staging> {
  const folder = mkdtempSync(join(tmpdir(), "neko-staging-"));
  const { trustedRoot } = readLocalOverlay(lab.context.directories.state);
  writeStaging(folder, { repository: lab.sample.repository, digest: lab.sample.digest, trustedRoot });
  const standIns = await startStandIns({
    stack: "staging",
    project: "neko-trust",
    mode: "preview",
    journalFile: join(folder, "journal.jsonl"),
    kubernetes: { kind: "files", directory: join(folder, "rendered") },
  });
  t.after(async () => {
    await standIns.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const engine = await engineUnderTest();
  const { PULUMI_DEBUG_PROVIDERS: _attached, ...environment } = lab.context.environment;
  const open: Staging["open"] = (context) =>
    openStack({
      engine,
      checkout: folder,
      stack: "staging",
      program: () => program({ environment, offline: false, ...context }),
      folder: join(folder, "engine"),
      passphrase: "test",
      attach: standIns.debugProviders,
      environment,
    });
  return { standIns, open };
}

test("an offline preview of another stack plans with the digests that it names, and an up of it is refused", async (t) => {
  const { standIns, open } = await stagingStack(t);
  const stack = await open({ offline: true });
  const plan = await stack.preview();
  assert.deepEqual(Object.keys(plan.summary), ["create"]);
  assert.ok(plan.resources.some(({ type }) => type.endsWith(":ValidatingAdmissionPolicyBinding")));
  await refusal(stack.up(), "OFFLINE_ONLY_PREVIEWS");
  assert.deepEqual(standIns.journal(), []);
});

test("PULUMI_DEBUG_PROVIDERS is refused for another stack than local, before anything is registered", async (t) => {
  const { standIns, open } = await stagingStack(t);
  const environment = { ...lab.context.environment, PULUMI_DEBUG_PROVIDERS: standIns.debugProviders };
  const stack = await open({ environment });
  await refusal(stack.preview(), "STAND_INS_OTHER_STACK");
  await refusal(stack.up(), "STAND_INS_OTHER_STACK");
  assert.deepEqual([standIns.journal(), standIns.refusals()], [[], []]);
});

test("stack local can't be brought up offline either: what was not verified is provisioned nowhere", async () => {
  const environment = { ...lab.context.environment, NEKO_TRUST_OFFLINE: "1" };
  const engine = await engineUnderTest();
  const stack = await openStack({
    engine,
    checkout: lab.context.directories.checkout,
    stack: "local",
    program: () => program({ environment }),
    folder: join(placesOf(lab.context.directories).engine, "offline"),
    passphrase: "neko-trust-local",
    environment,
  });
  await refusal(stack.up(), "OFFLINE_ONLY_PREVIEWS");
});

test("a lab root in a staging policy is refused, also for a release that the lab signed", async (t) => {
  const { standIns, open } = await stagingStack(t);
  const stack = await open({});
  const details = await refusal(stack.preview(), "RELEASE_REFUSED");
  assert.ok(
    details.some((line) => line.startsWith("ROOT_LOCAL_OUTSIDE_LOCAL ")),
    details.join("\n"),
  );
  assert.deepEqual(standIns.journal(), []);
});

test("a release that does not verify stops the up with its findings, and the state stays as it was", async () => {
  const { state } = lab.context.directories;
  const resources = (): unknown => {
    const file = stateFile(join(placesOf(lab.context.directories).engine, "backend"), "neko-trust", "local");
    // Each write encrypts secrets anew.
    const withoutSecrets = (key: string, value: unknown): unknown => (key === "ciphertext" ? "" : value);
    const { checkpoint } = JSON.parse(readFileSync(file, "utf8"), withoutSecrets) as {
      checkpoint: { latest: { resources: unknown } };
    };
    return checkpoint.latest.resources;
  };
  const overlayFile = localOverlayPath(state);
  const good = readFileSync(overlayFile, "utf8");
  await lab.open(async ({ handle, standIns }) => {
    await handle.up();
    const before = { resources: resources(), journal: standIns.journal() };
    const tampered = await pushTamperedCopy(lab.client, lab.sample);
    writeFileSync(overlayFile, good.replaceAll(lab.sample.digest, tampered.digest));
    const details = await refusal(handle.up(), "RELEASE_REFUSED");
    assert.ok(
      details.some((line) => line.startsWith("STATEMENT_SUBJECT_MISMATCH ")),
      details.join("\n"),
    );
    assert.ok(details.every((line) => !line.includes("\n    at ")));
    assert.deepEqual({ resources: resources(), journal: standIns.journal() }, before);

    writeFileSync(overlayFile, good);
    assert.deepEqual(Object.keys((await handle.up()).summary), ["same"]);
  });
});
