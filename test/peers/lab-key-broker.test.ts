import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { openRego } from "../../lab/kbs/rego.ts";
import type { Rego } from "../../lab/kbs/rego.ts";
import { startKbs } from "../../lab/kbs/start.ts";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { fetchResource } from "../../src/adapters/kbs/fetch-resource.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { compile } from "../../src/core/compile/key-broker/compile.ts";
import { failureCodeOf } from "../support/failures.ts";
import {
  adminClaims,
  adminRequest,
  attesterOf,
  compiled,
  credential,
  labAuthority,
  publish,
  resource,
  startLabKbs,
  trust,
  trustingVerification,
} from "../support/kbs.ts";
import type { LabKbs, QuotedReport } from "../support/kbs.ts";
import { caseMeasurements, caseReleases, caseSettings, signerPolicy } from "../support/key-broker.ts";

/** The whole way with the policies that are compiled, judged by Open Policy Agent: who gets the credential, and who does not. */

let rego: Rego;

before(async () => {
  const checkout = fileURLToPath(new URL("../../", import.meta.url));
  const directories = directoriesOf(checkout, process.env);
  const { path } = await ensureTool(pinnedTools.opa, { directories, environment: process.env });
  rego = openRego(path);
});

after(() => {
  rego.close();
});

const start = (t: TestContext): Promise<LabKbs> => startLabKbs(t, { rego });

test("the signer's release gets the credential, and so does the next one", async (t) => {
  const kbs = await start(t);
  for (const { rtmr1, rtmr2 } of Object.values(caseMeasurements)) {
    const { bytes, claims } = await kbs.fetch({ attester: attesterOf({ rtmr1, rtmr2 }) });
    assert.equal(Buffer.from(bytes).toString("utf8"), credential);
    assert.equal(claims.status, "affirming");
  }
});

const others: Readonly<Record<string, Partial<QuotedReport>>> = {
  "another image": { rtmr2: "13".repeat(48) },
  "the boot of one release with the command line of another": { rtmr2: caseMeasurements.two.rtmr2 },
  "a guest that extended RTMR3": { rtmr3: "01".repeat(48) },
  "another firmware": { mrtd: "a2".repeat(48) },
  "another machine type": { rtmr0: "02".repeat(48) },
  "a debuggable domain": { tdAttributes: "0100001000000000" },
  "a migratable domain": { tdAttributes: "0000003000000000" },
  "other features": { xfam: "e718060000000000" },
  "a value that the host set": { mrConfigId: "01".repeat(48) },
  "another TDX module's signer": { mrSignerSeam: "01".repeat(48) },
};

for (const [name, changes] of Object.entries(others)) {
  test(`${name} does not affirm, and the client takes it no further`, async (t) => {
    const kbs = await start(t);
    assert.equal(await failureCodeOf(kbs.fetch({ attester: attesterOf(changes) })), "KBS_TOKEN_STATUS");
  });
}

test("an attested signer gets nothing but its credential", async (t) => {
  const kbs = await start(t);
  for (const other of ["default/credential/other", "default/other/registry", "other/credential/registry"]) {
    assert.equal(await failureCodeOf(kbs.fetch({ resource: other })), "KBS_POLICY_DENIED");
  }
  assert.ok(kbs.logged.includes("policy denied: default/credential/other"));
});

test("a release that was withdrawn is refused after the next publication", async (t) => {
  const kbs = await start(t);
  await kbs.fetch();
  await publish(kbs.service, new Date(), compile(signerPolicy(), caseReleases.slice(1), caseSettings));
  assert.equal(await failureCodeOf(kbs.fetch()), "KBS_TOKEN_STATUS");
});

test("a policy that is no Rego attests nobody", async (t) => {
  const kbs = await start(t);
  const policy = Buffer.from("package policy\n\ntrust_claims := {").toString("base64url");
  const body = JSON.stringify({ type: "rego", policy_id: "default_cpu", policy });
  await kbs.service(adminRequest("/kbs/v0/attestation-policy", body));
  assert.equal(await failureCodeOf(kbs.fetch()), "KBS_ATTESTATION_REFUSED");
});

test("is started with one call, published to, and leaves nothing when it stops", async (t) => {
  const kbs = await startKbs({
    authority: labAuthority,
    compiled,
    admin: adminClaims,
    credential,
    verification: trustingVerification,
    rego,
    port: 0,
  });
  t.after(kbs.stop);
  const fetch = () =>
    fetchResource({ url: kbs.url, trust, resource, attester: attesterOf(), now: () => new Date(), retries: 0 });
  assert.equal(Buffer.from((await fetch()).bytes).toString("utf8"), credential);
  await kbs.stop();
  assert.equal(await failureCodeOf(fetch()), "KBS_UNREACHABLE");
});

test("a publication by another administrator is told", async () => {
  const options = { authority: labAuthority, compiled, credential, verification: trustingVerification, rego, port: 0 };
  const start = startKbs({ ...options, admin: { ...adminClaims, role: "other" } });
  assert.equal(await failureCodeOf(start), "LAB_KBS_PUBLICATION");
});
