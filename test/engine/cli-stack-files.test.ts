import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { copyCheckout } from "../support/program-checkout.ts";
import { startReleaseLab } from "../support/release-lab.ts";
import { documentOf } from "../support/run-cli.ts";
import { stackLab } from "../support/stack-lab.ts";

const lab = await startReleaseLab();
const present = lab.evidence.digest;
const copy = copyCheckout();
after(() => copy.remove());
const stackPath = join(copy.folder, "stacks", "Pulumi.local.yaml");
const committed = readFileSync(stackPath, "utf8");

test("release set, promote, root update and policy explain, as processes in a checkout", async (t) => {
  const stack = await stackLab(t, lab);
  const rootPath = join(copy.folder, "stacks", "roots", "lab.json");
  writeFileSync(rootPath, lab.sigstore.trustedRoot);
  const image = stack.repository;
  writeFileSync(stackPath, stack.yaml({ trustedRoot: "stacks/roots/lab.json" }));
  const next = await stack.publish("1.2.4");
  const last = await stack.publish("1.2.5");

  const set = await copy.run(["release", "set", "local", `${image}@${next}`]);
  assert.equal(set.code, 0, set.stderr);
  assert.equal(set.stderr, "");
  assert.ok(set.stdout.includes(`→  ${next} (1.2.4)`));
  assert.ok(readFileSync(stackPath, "utf8").includes(`current: ${next}`));

  const older = documentOf(await copy.run(["release", "set", "local", `${image}@${present}`, "--json"]));
  assert.equal((older["error"] as { code: string }).code, "RELEASE_OLDER");

  const staging = stack.yaml({
    "policy.environment": "staging",
    "clusters.0.kubeconfig": "kubeconfig",
    releases: [{ image, current: last, retained: [] }],
  });
  writeFileSync(join(copy.folder, "stacks", "Pulumi.staging.yaml"), staging);
  const promoted = documentOf(await copy.run(["promote", "staging", "local", "--retain", "1", "--json"]));
  assert.equal(promoted["written"], true);
  const [edit] = promoted["releases"] as { retained: string[]; dropped: string[] }[];
  assert.deepEqual([edit?.retained, edit?.dropped], [[next], [present]]);

  const { urls } = lab.sigstore.server;
  const tufRoot = join(lab.sigstore.stateDirectory, "tuf-root.json");
  const cache = { NEKO_TRUST_CACHE: join(stack.context.directories.cache) };
  const args = ["root", "update", "local", "--tuf-mirror", urls.tuf, "--tuf-root", tufRoot];
  const updated = await copy.run(args, cache);
  assert.equal(updated.code, 0, updated.stderr);
  assert.ok(updated.stdout.includes("The same root as before"));

  const explained = await copy.run(["policy", "explain", "--stack", "local", `${image}@${last}`]);
  assert.equal(explained.code, 0, explained.stderr);
  assert.ok(explained.stdout.endsWith("It would be admitted.\n"));
  stack.withdraw(last);
  const refused = await copy.run(["policy", "explain", "--stack", "local", `${image}@${last}`]);
  assert.equal(refused.code, 1);
  assert.ok(refused.stdout.endsWith("It would be refused.\n"));
});

test("the committed stack local can't be edited: exit 2, with what to do", async () => {
  writeFileSync(stackPath, committed);
  for (const args of [
    ["release", "set", "local", `127.0.0.1:5001/m1k1o/neko/base@${present}`],
    ["root", "update", "local"],
  ]) {
    const { code, stdout, stderr } = await copy.run(args);
    assert.equal(code, 2);
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^error: Stack local takes its releases and its root from the lab.+\nto do: .+\n\(code STACK_TAKES_LAB_RELEASES\)\n$/,
    );
  }
  assert.equal(readFileSync(stackPath, "utf8"), committed);
});
