import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { brokerConfigs } from "../../../../src/core/compile/key-broker/kbs-config.ts";
import { places } from "../../../../src/core/compile/key-broker/places.ts";
import { Failure } from "../../../../src/core/failure.ts";
import type { ConfigFinding } from "../../../../src/core/kbs/config-finding.ts";
import { lintConfig, requireSecureConfig } from "../../../../src/core/kbs/lint-config.ts";
import type { DeploymentFacts } from "../../../../src/core/kbs/lint-deployment.ts";
import { caseSettings, configCases } from "../../../support/key-broker.ts";

const shown = (findings: readonly ConfigFinding[]) => findings.map(({ code, path }) => `${code} ${path}`).toSorted();
const good = configCases().find(({ name }) => name.endsWith("good/production.toml"))?.toml ?? assert.fail();

const facts: DeploymentFacts = {
  mounted: [places.tls, places.token, places.admin],
  volume: places.store,
  port: places.port,
  store: "LocalFs",
  attestationService: "coco_as_builtin",
  admin: caseSettings.admin,
};

for (const { name, toml, finds } of configCases()) {
  test(`${name}: ${finds.length === 0 ? "nothing is found" : "exactly what it says is found"}`, () => {
    assert.equal(name.includes("/good/"), finds.length === 0);
    assert.deepEqual(shown(lintConfig(toml)), finds.toSorted());
  });
}

test("each finding says why and what to do, in sentences", () => {
  for (const { toml } of configCases()) {
    for (const { why, remedy } of lintConfig(toml)) {
      assert.match(why, /^[A-Z`"][^]*\.$/);
      assert.match(remedy, /^[A-Z][^]*[.$)\]]$/);
    }
  }
});

test("what is compiled passes its own lint, and fits its deployment", () => {
  assert.deepEqual(lintConfig(brokerConfigs(caseSettings, caseSettings.resources).kbs, facts), []);
  const split = brokerConfigs({ ...caseSettings, attestationService: "split" }, caseSettings.resources);
  const { volume: _volume, ...without } = facts;
  assert.deepEqual(lintConfig(split.kbs, { ...without, store: "Postgres", attestationService: "coco_as_grpc" }), []);
});

test("a configuration that does not fit its deployment is refused", () => {
  const changed = (from: string, to: string) => shown(lintConfig(good.replace(from, to), facts));
  assert.deepEqual(shown(lintConfig(good, facts)), []);
  assert.deepEqual(changed("/etc/kbs/tls/tls.key", "/opt/tls.key"), ["PATH_NOT_MOUNTED http_server.private_key"]);
  assert.deepEqual(changed("/etc/kbs/tls/tls.key", "/etc/kbs/tls/../../tls.key"), [
    "PATH_NOT_MOUNTED http_server.private_key",
  ]);
  assert.deepEqual(changed("/etc/kbs/token/ca.pem", "ca.pem"), [
    "PATH_NOT_MOUNTED attestation_token.trusted_certs_paths.0",
  ]);
  assert.deepEqual(changed("0.0.0.0:8080", "127.0.0.1:8080"), ["SOCKET_UNREACHABLE http_server.sockets"]);
  for (const folder of ["/tmp", "/var/lib/kbs2", "/var/lib/kbs/../x"]) {
    assert.deepEqual(changed("/var/lib/kbs", folder), [
      "STORAGE_NOT_ON_VOLUME storage_backend.backends.local_fs.dir_path",
    ]);
  }
  assert.deepEqual(changed('"LocalFs"', '"Postgres"'), ["STORAGE_NOT_ON_VOLUME storage_backend.storage_type"]);
  assert.deepEqual(changed('issuer = "neko-trust"', 'issuer = "other"'), [
    "ADMIN_PROVIDER_MISSING admin.authentication.bearer_jwt.identity_providers",
  ]);
  assert.deepEqual(changed('role = "kbs-admin"', 'role = "other"'), [
    "ADMIN_ACL_MISSING admin.authorization.regex_acl.acls",
  ]);
});

test("refuses with every finding at once", () => {
  const bad = good.replace("insecure_header_jwk = false", "insecure_header_jwk = true").replace("kbs-admin", "");
  assert.throws(
    () => {
      requireSecureConfig(bad, "settings.config");
    },
    (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, "KBS_CONFIG_INSECURE");
      assert.match(error.message, /2 insecure settings/);
      assert.deepEqual(
        error.details.map((line) => line.split(" ")[0]),
        ["HEADER_JWK_TRUSTED", "ADMIN_ACL_WIDE"],
      );
      return true;
    },
  );
  requireSecureConfig(good, "settings.config", facts);
});

test("shows no value of a configuration that is no TOML, and takes none of endless length", () => {
  const [finding] = lintConfig('password = "correct-horse');
  assert.equal(finding?.code, "CONFIG_NOT_TOML");
  assert.ok(!JSON.stringify(finding).includes("correct-horse"));
  assert.deepEqual(shown(lintConfig("#".repeat(70_000))), ["CONFIG_NOT_TOML (whole document)"]);
});

test("keys that JavaScript has of its own are unknown keys", () => {
  for (const key of ["__proto__", "constructor", "toString", '"hasOwnProperty"']) {
    const found = shown(lintConfig(`${key} = 1\n${good}`));
    assert.equal(found.length, 1, key);
    assert.match(found[0] ?? "", /^KEY_UNKNOWN |^CONFIG_NOT_TOML /);
  }
});

test("never throws, whatever it is given", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.ok(Array.isArray(lintConfig(text, facts)));
    }),
  );
});

test("finds every line whose value is of another kind, or is empty", () => {
  const lines = good.split("\n").filter((line) => line.includes(" = "));
  assert.ok(lines.length > 20);
  for (const line of lines) {
    for (const value of ["true", "[]", "{}", "1", '""', "1979-05-27", "[[]]", "[{}]", "nan"]) {
      const [key = ""] = line.split(" = ");
      // One minute is as good as five.
      if (key === "duration_min" && value === "1") continue;
      const changed = good.replace(line, `${key} = ${value}`);
      assert.notDeepEqual(lintConfig(changed, facts), [], `${key} = ${value}`);
    }
  }
});
