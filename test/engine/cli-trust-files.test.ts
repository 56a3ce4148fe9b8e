import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import { startReleaseLab } from "../support/release-lab.ts";
import { serveRelease } from "../support/release-registry.ts";
import { documentOf, refusalCodes, runCli } from "../support/run-cli.ts";
import { productionRootBytes } from "../support/sigstore-production-root.ts";

const lab = await startReleaseLab();

function errorOf(document: Readonly<Record<string, unknown>>): { code: string; details: string[]; message: string } {
  return document["error"] as ReturnType<typeof errorOf>;
}

test("takes a policy in JSON as well as in YAML", async (t) => {
  const { reference, repository, folder, write } = await serveRelease(t, lab);
  const policy = write("policy.json", JSON.stringify(lab.policyWith({ "images.0.repository": repository })));
  const trust = ["--policy", policy, "--trusted-root", `${folder}/trusted_root.json`];
  const { code } = await runCli(t, ["verify-image", reference, ...trust]);
  assert.equal(code, 0);
});

test("a policy that is not valid: exit 2, every fault with path, found and allowed, and nothing asked of the registry", async (t) => {
  const { reference, server, folder, write } = await serveRelease(t, lab);
  const faulty = {
    ...lab.policy,
    mode: "warn",
    schema: 2,
    revoked: ["nobody"],
    freshness: { minVersion: "1.0" },
    sbom: 7,
  };
  const trust = ["--policy", write("faulty.yaml", stringify(faulty)), "--trusted-root", `${folder}/trusted_root.json`];
  const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
  assert.equal(json.code, 2);
  const { code, details } = errorOf(documentOf(json));
  assert.equal(code, "POLICY_INVALID");
  const paths = details.map((detail) => detail.split(":")[0]);
  assert.deepEqual(paths.sort(), ["freshness.maxAge", "freshness.minVersion", "mode", "revoked.0", "sbom", "schema"]);
  assert.ok(details.every((detail) => /: found .+; .+/.test(detail)));
  assert.deepEqual(server.seen, []);
  const words = await runCli(t, ["verify-image", reference, ...trust]);
  assert.equal(words.code, 2);
  assert.equal(words.stdout, "");
  assert.match(words.stderr, /\(code POLICY_INVALID\)\n$/);
});

for (const [what, text] of [
  ["empty", ""],
  ["a list", "[]"],
  ["not YAML", "schema: [1"],
  ["a key twice", "schema: 1\nschema: 1\n"],
  ["aliases that multiply", `a: &a [x,x]\nb: &b [${Array(9).fill("*a").join()}]\nc: [${Array(9).fill("*b").join()}]\n`],
  ["nested without end", "[".repeat(20_000)],
  ["binary", "\u0000\u0001\u0002"],
] as const) {
  test(`a policy that is ${what}: exit 2, POLICY_INVALID`, async (t) => {
    const { reference, folder, write } = await serveRelease(t, lab);
    const trust = ["--policy", write("odd.yaml", text), "--trusted-root", `${folder}/trusted_root.json`];
    const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
    assert.equal(json.code, 2);
    assert.equal(errorOf(documentOf(json)).code, "POLICY_INVALID");
  });
}

test("files that can't be read are named: exit 2", async (t) => {
  const { reference, folder, trust } = await serveRelease(t, lab);
  for (const [policy, root, expected] of [
    [`${folder}/none.yaml`, trust[3], "POLICY_UNREADABLE"],
    [folder, trust[3], "POLICY_UNREADABLE"],
    [trust[1], `${folder}/none.json`, "ROOT_UNREADABLE"],
    [trust[1], folder, "ROOT_UNREADABLE"],
  ] as const) {
    const args = ["--policy", policy ?? "", "--trusted-root", root ?? "", "--json"];
    const json = await runCli(t, ["verify-image", reference, ...args]);
    assert.equal(json.code, 2);
    const { code, message } = errorOf(documentOf(json));
    assert.equal(code, expected);
    assert.ok(message.includes(folder));
  }
});

test("a root that the policy does not pin: exit 1, ROOT_DIGEST_MISMATCH", async (t) => {
  const { reference, trust, write } = await serveRelease(t, lab);
  const root = write("public-good.json", productionRootBytes());
  const json = await runCli(t, [
    "verify-image",
    reference,
    "--policy",
    trust[1] ?? "",
    "--trusted-root",
    root,
    "--json",
  ]);
  assert.equal(json.code, 1);
  assert.deepEqual(refusalCodes(documentOf(json)), ["ROOT_DIGEST_MISMATCH"]);
});

test("a lab root in a staging policy: exit 1, ROOT_LOCAL_OUTSIDE_LOCAL", async (t) => {
  const { reference, repository, trust, write } = await serveRelease(t, lab);
  const staging = lab.policyWith({ "images.0.repository": repository, environment: "staging" });
  const args = ["--policy", write("staging.yaml", stringify(staging)), "--trusted-root", trust[3] ?? "", "--json"];
  const json = await runCli(t, ["verify-image", reference, ...args]);
  assert.equal(json.code, 1);
  assert.deepEqual(refusalCodes(documentOf(json)), ["ROOT_LOCAL_OUTSIDE_LOCAL"]);
});

test("an image that the policy does not name: exit 1, IMAGE_NOT_IN_POLICY", async (t) => {
  const { server, trust } = await serveRelease(t, lab);
  const other = `${server.host}/m1k1o/neko/other@${lab.evidence.digest}`;
  const json = await runCli(t, ["verify-image", other, ...trust, "--json"]);
  assert.equal(json.code, 1);
  assert.deepEqual(refusalCodes(documentOf(json)), ["IMAGE_NOT_IN_POLICY"]);
});

for (const [what, args] of [
  ["no policy", []],
  ["a policy without its root", ["--policy", "p.yaml"]],
  ["a root without a policy", ["--trusted-root", "r.json"]],
  ["a stack and a policy", ["--stack", "local", "--policy", "p.yaml", "--trusted-root", "r.json"]],
] as const) {
  test(`${what}: exit 2, POLICY_NOT_NAMED`, async (t) => {
    const json = await runCli(t, ["verify-image", `127.0.0.1:1/a@sha256:${"0".repeat(64)}`, ...args, "--json"]);
    assert.equal(json.code, 2);
    assert.equal(errorOf(documentOf(json)).code, "POLICY_NOT_NAMED");
  });
}

test("an unknown stack and a lab that does not run are told apart: exit 2 and 3", async (t) => {
  const reference = `127.0.0.1:1/a@sha256:${"0".repeat(64)}`;
  const unknown = await runCli(t, ["verify-image", reference, "--stack", "nowhere", "--json"]);
  assert.equal(unknown.code, 2);
  assert.equal(errorOf(documentOf(unknown)).code, "STACK_UNKNOWN");
  const stopped = await runCli(t, ["verify-image", reference, "--stack", "local", "--json"]);
  assert.equal(stopped.code, 3);
  assert.equal(errorOf(documentOf(stopped)).code, "LAB_NOT_RUNNING");
});

for (const reference of ["neko", "ghcr.io/", "ghcr.io/A:b", "ghcr.io/a@sha512:00", "ghcr.io/a@b@c", "ghcr.io/a", ""]) {
  test(`${JSON.stringify(reference)} is no reference to an image: exit 2`, async (t) => {
    const { trust } = await serveRelease(t, lab);
    const json = await runCli(t, ["verify-image", reference, ...trust, "--json"]);
    assert.equal(json.code, 2);
    assert.equal(errorOf(documentOf(json)).code, "REFERENCE_INVALID");
  });
}
