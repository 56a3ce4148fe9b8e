import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { compile } from "../../src/core/compile/key-broker/compile.ts";
import { attestationCases, caseReleases, caseSettings, resourceCases, signerPolicy } from "../support/key-broker.ts";

/**
 * The compiled policies, judged by Open Policy Agent. Trustee runs them with regorus, another implementation of Rego; what
 * both have (v1, `in`, comprehensions, time.parse_rfc3339_ns) is all that they use.
 */
const run = promisify(execFile);
const compiled = compile(signerPolicy(), caseReleases, caseSettings);

/** Trustee gives its policies this function (attestation-service, policy engine): null for a name that it does not have. */
const referenceFunction = `package policy

import rego.v1

query_reference_value(name) := object.get(data.reference, name, null)
`;

let opa: string;
let folder: string;

before(async () => {
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const directories = directoriesOf(checkout, process.env);
  ({ path: opa } = await ensureTool(pinnedTools.opa, { directories, environment: process.env }));
  folder = await mkdtemp(join(tmpdir(), "neko-trust-rego-"));
  await writeFile(join(folder, "attestation.rego"), compiled.attestationPolicy);
  await writeFile(join(folder, "resource.rego"), compiled.resourcePolicy);
  await writeFile(join(folder, "reference.rego"), referenceFunction);
});

after(() => rm(folder, { recursive: true, force: true }));

/** The one value of a query; undefined where the rule has none. */
async function evaluate(name: string, policies: readonly string[], data: unknown, input: unknown, query: string) {
  const [dataFile, inputFile] = [join(folder, `${name}-data.json`), join(folder, `${name}-input.json`)];
  await writeFile(dataFile, JSON.stringify(data));
  await writeFile(inputFile, JSON.stringify(input));
  const files = [...policies.map((policy) => join(folder, policy)), dataFile].flatMap((file) => ["--data", file]);
  const { stdout } = await run(opa, [
    "eval",
    "--format",
    "json",
    "--v1-compatible",
    ...files,
    "--input",
    inputFile,
    query,
  ]);
  const { result } = JSON.parse(stdout) as { result?: { expressions: { value: unknown }[] }[] };
  return result?.[0]?.expressions[0]?.value;
}

const fileName = (name: string): string => name.replaceAll(/[^a-z0-9]+/g, "-");

test("both policies are strict Rego v1", async () => {
  const check = ["attestation.rego", "reference.rego"].map((file) => join(folder, file));
  await run(opa, ["check", "--strict", "--v1-compatible", ...check]);
  await run(opa, ["check", "--strict", "--v1-compatible", join(folder, "resource.rego")]);
});

for (const { name, why, expect, claims, referenceValues } of attestationCases()) {
  test(`${name}: ${why}`, async () => {
    const data = { reference: referenceValues ?? compiled.referenceValues };
    const vector = await evaluate(
      fileName(name),
      ["attestation.rego", "reference.rego"],
      data,
      claims,
      "data.policy.trust_claims",
    );
    const others = {
      "file-system": 0,
      "instance-identity": 0,
      "runtime-opaque": 0,
      "storage-opaque": 0,
      "sourced-data": 0,
    };
    assert.deepEqual(vector, { ...expect, ...others });
    const worst = Math.max(...Object.values(expect));
    // AR4SI: 2 to 31 affirms, 96 and above is contraindicated.
    assert.ok(name.includes("/good/") ? worst < 32 : worst >= 96);
  });
}

for (const { name, why, allow, token, request } of resourceCases()) {
  test(`${name}: ${why}`, async () => {
    assert.equal(allow, name.includes("/good/"));
    assert.equal(await evaluate(fileName(name), ["resource.rego"], request, token, "data.policy.allow"), allow);
  });
}

test("an empty list of resources releases nothing, and no platform list binds no platform", async () => {
  const bare = compile(signerPolicy(), caseReleases, {
    ...caseSettings,
    resources: [],
    tee: { ...caseSettings.tee, platforms: [], advisoriesAllowed: [] },
  });
  await writeFile(join(folder, "nothing.rego"), bare.resourcePolicy);
  await writeFile(join(folder, "bare.rego"), bare.attestationPolicy);
  const good = resourceCases().find(({ allow }) => allow) ?? assert.fail();
  assert.equal(await evaluate("nothing", ["nothing.rego"], good.request, good.token, "data.policy.allow"), false);
  const other = attestationCases().find(({ name }) => name.endsWith("other-platform.json")) ?? assert.fail();
  const data = { reference: bare.referenceValues };
  const query = "data.policy.trust_claims.hardware";
  assert.equal(await evaluate("bare", ["bare.rego", "reference.rego"], data, other.claims, query), 2);
});
