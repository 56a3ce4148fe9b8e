import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { doctorAction } from "../../../src/cli/actions/doctor.ts";
import { digestOfPolicies } from "../../../src/config/digest-of-policies.ts";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import type { CheckResult } from "../../../src/core/check-result.ts";
import { approvalDocument } from "../../../src/core/policy/published-approval.ts";
import { failureCodeOf } from "../../support/failures.ts";
import { operateRig, plainKubeconfig, stagingText } from "../../support/operate-rig.ts";
import type { OperateRig } from "../../support/operate-rig.ts";
import { startServer } from "../adapters/registry/loopback-server.ts";
import type { PlannedAnswer, SeenRequest } from "../adapters/registry/loopback-server.ts";

const gcp = { project: "acme-signing", region: "europe-west4", zone: "europe-west4-b" };
const json = (value: unknown, headers: Record<string, string> = {}): PlannedAnswer => ({
  status: 200,
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(value),
});

/** GitHub, an API server and Google as a stack in good order finds them; `instead` answers in their place. */
function allIsWell(request: SeenRequest): PlannedAnswer {
  const { url, body } = request;
  if (url === "/rate_limit") return json({}, { "github-authentication-token-expiration": "2027-06-01 00:00:00 UTC" });
  if (url === "/repos/m1k1o/neko") return json({ permissions: { admin: true } });
  if (url.startsWith("/repos/m1k1o/neko/")) return json({});
  if (url.endsWith(":testIamPermissions")) return json(JSON.parse(body.toString("utf8")));
  if (url === "/apis/authorization.k8s.io/v1") {
    return json({
      resources: [{ name: "selfsubjectaccessreviews", kind: "SelfSubjectAccessReview", verbs: ["create"] }],
    });
  }
  if (url.startsWith("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")) {
    const sent = JSON.parse(body.toString("utf8")) as object;
    return { ...json({ ...sent, status: { allowed: true } }), status: 201 };
  }
  return { status: 404, body: "{}" };
}

interface Ward {
  readonly rig: OperateRig;
  readonly seen: readonly SeenRequest[];
  readonly examine: () => Promise<{ exitCode: number; checks: Record<string, CheckResult>; text: string }>;
}

/** A stack `staging` with everything in order, save what `instead` and the changes say. */
async function ward(
  t: TestContext,
  options: {
    readonly instead?: (request: SeenRequest) => PlannedAnswer | undefined;
    readonly changes?: Readonly<Record<string, unknown>>;
    readonly root?: Readonly<Record<string, unknown>>;
    readonly environment?: Readonly<Record<string, string>>;
    readonly purpose?: "plan" | "apply";
  } = {},
): Promise<Ward> {
  const rig = operateRig(t);
  const server = await startServer(t, (request) => options.instead?.(request) ?? allIsWell(request));
  writeFileSync(join(rig.checkout, "kubeconfig"), plainKubeconfig(`http://${server.host}`));
  rig.write("staging", stagingText({ gcp, ...options.changes }, options.root));
  for (const plugin of ["github-v6.15.0", "gcp-v9.37.0", "kubernetes-v4.34.2", "command-v1.2.1"]) {
    mkdirSync(join(rig.checkout, ".pulumi", "plugins", `resource-${plugin}`), { recursive: true });
  }
  rig.program("pulumi", `case "$1" in version) echo v3.259.0;; config) echo github-secret;; esac`);
  rig.program("gcloud", "echo google-secret");
  const environment = {
    GITHUB_API_URL: `http://${server.host}`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER: `http://${server.host}/`,
    CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `http://${server.host}/storage/v1/`,
    ...options.environment,
  };
  return {
    rig,
    seen: server.seen,
    examine: async () => {
      const { exitCode, document, lines } = await doctorAction(
        { stack: "staging", for: options.purpose ?? "apply" },
        rig.context(environment),
      );
      const { checks } = document as { checks: CheckResult[] };
      const text = JSON.stringify([document, lines]);
      return { exitCode, checks: Object.fromEntries(checks.map((check) => [check.name, check])), text };
    },
  };
}

const notOk = (checks: Record<string, CheckResult>): Record<string, string> =>
  Object.fromEntries(
    Object.values(checks)
      .filter(({ state }) => state !== "ok")
      .map(({ name, state }) => [name, state]),
  );

test("a stack in good order: every check ok, exit 0, and no secret anywhere in the output", async (t) => {
  const { examine, seen, rig } = await ward(t);
  const { exitCode, checks, text } = await examine();
  assert.deepEqual(notOk(checks), {});
  assert.equal(exitCode, 0);
  for (const secret of ["github-secret", "google-secret", "cluster-secret", "v1:abc"])
    assert.ok(!text.includes(secret));
  assert.ok(seen.some(({ headers }) => headers.authorization === "Bearer github-secret"));
  assert.ok(seen.some(({ headers }) => headers.authorization === "Bearer google-secret"));
  assert.ok(seen.some(({ headers }) => headers.authorization === "Bearer cluster-secret"));
  assert.ok(rig.calls("pulumi").includes("config get neko-trust:githubToken --stack staging --non-interactive"));
});

test("what is missing is told with what to do, and exits 1", async (t) => {
  const { examine, rig } = await ward(t, {
    changes: { githubOwner: "placeholder-owner", githubToken: undefined, gcp: undefined },
    root: { encryptionsalt: "v1:x" },
    instead: ({ url, body }) => {
      if (url === "/rate_limit")
        return json(
          {},
          { "github-authentication-token-expiration": "2026-11-28 00:00:00 UTC", "x-oauth-scopes": "repo" },
        );
      if (url === "/repos/placeholder-owner/neko") return json({ permissions: { admin: false } });
      if (url.endsWith("/environments")) return { status: 403 };
      if (url.startsWith("/repos/placeholder-owner/neko/")) return json({});
      return url.includes("selfsubjectaccessreviews?") && body.toString().includes("validatingadmissionpolicies")
        ? { ...json({ ...(JSON.parse(body.toString()) as object), status: { allowed: false } }), status: 201 }
        : undefined;
    },
  });
  mkdirSync(join(rig.checkout, ".pulumi", "plugins", "resource-command-v1.2.1.partial"));
  mkdirSync(join(rig.checkout, ".pulumi", "plugins", "resource-github-v6.14.0"));
  rig.program("pulumi", `case "$1" in version) echo v3.100.0;; config) echo github-secret;; esac`);
  const { exitCode, checks } = await examine();
  assert.deepEqual(notOk(checks), {
    pulumi: "missing",
    placeholders: "missing",
    "secret githubToken": "missing",
    "secrets provider": "missing",
    "plugin command": "missing",
    "github token's expiry": "missing",
    "repository placeholder-owner/neko": "missing",
    "github permission Environments": "missing",
    "cluster lab": "missing",
  });
  assert.equal(exitCode, 1);
  for (const { state, remedy } of Object.values(checks)) assert.equal(remedy === undefined, state === "ok");
  assert.match(checks["cluster lab"]?.says ?? "", /lacks get, create, patch, delete validatingadmissionpolicies/);
});

test("what can't be asked is not missing, and exits 3", async (t) => {
  const { examine, rig } = await ward(t, {
    instead: ({ url }) =>
      url.includes("testIamPermissions") || url.startsWith("/repos") ? { status: 503 } : undefined,
  });
  writeFileSync(join(rig.checkout, "kubeconfig"), plainKubeconfig("http://127.0.0.1:9"));
  const { exitCode, checks } = await examine();
  assert.deepEqual(notOk(checks), {
    "repository m1k1o/neko": "unknown",
    "cluster lab": "unknown",
    "google project acme-signing": "unknown",
  });
  assert.equal(exitCode, 3);
});

test("without programs and tokens: which to install, where to sign in, and nothing is asked", async (t) => {
  const { examine, seen } = await ward(t, { environment: { PATH: "/nonexistent" }, changes: { clusters: [] } });
  const { exitCode, checks } = await examine();
  assert.deepEqual(notOk(checks), { pulumi: "missing", "github token": "unknown", "google credentials": "unknown" });
  assert.equal(exitCode, 1);
  assert.deepEqual(seen, []);
});

test("a token of the environment is taken where pulumi gives none; one that GitHub refuses is missing", async (t) => {
  const { examine, seen, rig } = await ward(t, {
    environment: { GH_TOKEN: "env-secret" },
    instead: ({ url }) => (url === "/rate_limit" ? { status: 401, body: "env-secret" } : undefined),
  });
  rig.program("pulumi", `case "$1" in version) echo v3.259.0;; *) echo "no passphrase" >&2; exit 255;; esac`);
  rig.program("gcloud", 'echo "ERROR: (gcloud.auth) no credentials" >&2; exit 1');
  const { checks, text } = await examine();
  assert.deepEqual(notOk(checks), { "github token": "missing", "google credentials": "missing" });
  assert.ok(seen.some(({ headers }) => headers.authorization === "Bearer env-secret"));
  assert.ok(!text.includes("env-secret"));
});

test("a permission that Google did not grant, and a project that it does not show, are told", async (t) => {
  let status = 200;
  const { examine } = await ward(t, {
    instead: ({ url }) => (url.endsWith(":testIamPermissions") ? { ...json({}), status } : undefined),
  });
  assert.deepEqual(notOk((await examine()).checks), {});
  status = 403;
  assert.deepEqual(notOk((await examine()).checks), { "google project acme-signing": "missing" });
});

test("the published approval is read with the caller's own credentials: approved, another one, none, forbidden, broken", async (t) => {
  let answer: PlannedAnswer = { status: 200, body: "{}" };
  const paths: string[] = [];
  const { examine, rig, seen } = await ward(t, {
    changes: { approvals: { bucket: "acme-approvals" }, ghcrRepository: undefined },
    instead: ({ url }) => {
      if (!url.startsWith("/storage/v1/")) return undefined;
      paths.push(url);
      return answer;
    },
  });
  const digest = digestOfPolicies(readYamlConfig("staging", rig.directories));
  const says = async (status: number, body: string) => {
    answer = { status, body };
    const { checks, exitCode } = await examine();
    const check = checks["approved policies"];
    assert.equal(check?.remedy === undefined, check?.state === "ok");
    return [check?.state, exitCode, check?.says ?? ""] as const;
  };
  const [state, exitCode, text] = await says(200, approvalDocument("staging", digest));
  assert.deepEqual([state, exitCode], ["ok", 0]);
  assert.match(text, new RegExp(`^gs://acme-approvals/approvals/staging.json approves ${digest}`));
  assert.equal(new Set(paths).size, 1);
  assert.equal(paths[0], "/storage/v1/b/acme-approvals/o/approvals%2Fstaging.json?alt=media");
  const read = seen.find(({ url }) => url.startsWith("/storage/"));
  assert.equal(read?.headers.authorization, "Bearer google-secret");

  const other = `sha256:${"e".repeat(64)}` as const;
  const refused = await says(200, approvalDocument("staging", other));
  assert.deepEqual(refused.slice(0, 2), ["missing", 1]);
  assert.ok(refused[2].includes(other) && refused[2].includes(digest));
  for (const body of ["{}", "", approvalDocument("production", digest)]) {
    assert.deepEqual((await says(200, body)).slice(0, 2), ["missing", 1], body);
  }
  for (const status of [401, 403, 404]) assert.deepEqual((await says(status, "")).slice(0, 2), ["missing", 1]);
  for (const status of [302, 500]) assert.deepEqual((await says(status, "")).slice(0, 2), ["unknown", 3]);
  assert.deepEqual((await says(200, "x".repeat(5000))).slice(0, 2), ["unknown", 3]);
});

/** An identity of CI's that can only read: Google, the cluster and GitHub refuse it everything else. */
function readsAlone({ url, body }: SeenRequest): PlannedAnswer | undefined {
  if (url === "/repos/m1k1o/neko") return json({ permissions: { admin: false } });
  if (url.endsWith(":testIamPermissions")) {
    const { permissions } = JSON.parse(body.toString("utf8")) as { permissions: string[] };
    return json({ permissions: permissions.filter((permission) => /\.get(?:IamPolicy)?$/.test(permission)) });
  }
  if (!url.startsWith("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews")) return undefined;
  const sent = JSON.parse(body.toString("utf8")) as { spec: { resourceAttributes: { verb: string } } };
  const allowed = ["get", "list", "watch"].includes(sent.spec.resourceAttributes.verb);
  return { ...json({ ...sent, status: { allowed } }), status: 201 };
}

test("an identity that only reads is in good order for a plan, and lacks what an update needs", async (t) => {
  const plan = await (await ward(t, { purpose: "plan", instead: readsAlone })).examine();
  assert.deepEqual(notOk(plan.checks), {});
  assert.equal(plan.exitCode, 0);
  assert.match(plan.checks["cluster lab"]?.says ?? "", /rights that a plan of the stack needs$/);
  const apply = await (await ward(t, { instead: readsAlone })).examine();
  assert.deepEqual(notOk(apply.checks), { "repository m1k1o/neko": "missing", "cluster lab": "missing" });
  assert.match(apply.checks["cluster lab"]?.remedy ?? "", /--for plan/);
  assert.equal(apply.exitCode, 1);
});

test("a purpose that is none is a wrong call, and nothing is asked", async (t) => {
  const { rig, seen } = await ward(t);
  for (const wanted of ["", "destroy", "Plan"])
    assert.equal(
      await failureCodeOf(doctorAction({ stack: "staging", for: wanted }, rig.context())),
      "PURPOSE_UNKNOWN",
    );
  assert.deepEqual(seen, []);
});

test("another context of the kubeconfig is used when the cluster names it; one that is none is told", async (t) => {
  for (const [context, expected] of [
    ["second", {}],
    ["third", { "cluster lab": "missing" }],
  ] as const) {
    const { examine } = await ward(t, {
      changes: { clusters: [{ name: "lab", kubeconfig: "kubeconfig", context }] },
    });
    assert.deepEqual(notOk((await examine()).checks), expected);
  }
});

test("a secret in plain text is told, and not shown", async (t) => {
  const { examine } = await ward(t, { changes: { githubToken: "ghp_plain" } });
  const { checks, text } = await examine();
  assert.match(checks["stack file"]?.says ?? "", /plain text/);
  assert.ok(!text.includes("ghp_plain"));
});

test("a file that is invalid ends the examination with its faults; a stack that is none is a wrong call", async (t) => {
  const { examine, rig, seen } = await ward(t, { changes: { "policy.mode": "warn" } });
  const { checks, exitCode } = await examine();
  assert.equal(exitCode, 1);
  assert.match(checks["stack file"]?.says ?? "", /policy\.mode/);
  assert.deepEqual(seen, []);
  assert.equal(await failureCodeOf(doctorAction({ stack: "other", for: "apply" }, rig.context())), "STACK_UNKNOWN");
});
