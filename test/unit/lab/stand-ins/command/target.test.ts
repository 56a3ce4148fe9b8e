import assert from "node:assert/strict";
import { test } from "node:test";
import { targetOf } from "../../../../../lab/stand-ins/command/target.ts";
import { loopbackUrl } from "../../../../../lab/stand-ins/loopback.ts";
import { secret, unknownValue } from "../../../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../../../lab/stand-ins/wire/values.ts";

const local = "command:local:Command";
const near: ValueMap = {
  create: 'curl -fsS "$NEKO_TRUST_TARGET/x"',
  environment: { NEKO_TRUST_TARGET: "http://127.0.0.1:8080" },
};

test("a local command with a target on loopback may run", () => {
  for (const url of ["http://127.0.0.1:8080", "https://localhost/kbs/v0", "http://[::1]:1/"]) {
    const inputs = { ...near, environment: { NEKO_TRUST_TARGET: url } };
    assert.equal(targetOf(local, inputs).kind, "loopback", url);
  }
  assert.equal(
    targetOf(local, { ...near, environment: { NEKO_TRUST_TARGET: secret("http://127.0.0.1:1") } }).kind,
    "loopback",
  );
  const chatty = {
    ...near,
    create: 'jq .a ./policy.json | curl -d @- "$NEKO_TRUST_TARGET"; sh /opt/x/run.sh http://localhost:3/a',
  };
  assert.equal(targetOf(local, chatty).kind, "loopback");
});

test("a target that isn't plainly on loopback is not run", () => {
  const targets = [
    "http://0.0.0.0:80",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com",
    "http://127.0.0.1@example.com/",
    "http://example.com/?http://127.0.0.1",
    "http://user@127.0.0.1/",
    "http://127.0.0.2/",
    "http://10.0.0.1/",
    "http://[::ffff:7f00:1]/",
    "ssh://127.0.0.1",
    "file:///etc/passwd",
    "127.0.0.1:80",
    "localhost",
    "",
  ];
  for (const url of targets) {
    assert.equal(targetOf(local, { ...near, environment: { NEKO_TRUST_TARGET: url } }).kind, "elsewhere", url);
    assert.equal(loopbackUrl(url), undefined, url);
  }
});

test("a command that names another host anywhere is not run, whatever it declares", () => {
  const scripts = [
    "curl https://api.github.com/user",
    "curl http://$HOST/x",
    "curl http://127.0.0.1@evil.example/",
    "ssh root@10.1.2.3 reboot",
    "git push git@github.com:a/b",
    "nc registry.example 443",
    "crane copy a registry.internal:5000/a",
    "ping 8.8.8.8",
    "gh api repos/x --hostname GITHUB.COM",
    "curl [2001:db8::1]:80",
  ];
  for (const create of scripts) assert.equal(targetOf(local, { ...near, create }).kind, "elsewhere", create);
  for (const place of ["update", "delete", "stdin"]) {
    assert.equal(targetOf(local, { ...near, [place]: "see https://kbs.example.com" }).kind, "elsewhere", place);
  }
  const environment = { NEKO_TRUST_TARGET: "http://127.0.0.1:1", KBS: secret("https://kbs.example.com") };
  assert.equal(targetOf(local, { ...near, environment }).kind, "elsewhere");
});

test("a command that names another host by a bare IPv6 address is not run", () => {
  const scripts = [
    "reach 2001:db8::1 443",
    "reach '2001:DB8::1'",
    "reach --host=2001:db8:0:0:0:0:0:1",
    "reach fe80::1%eth0",
    "reach -h2001:db8::1",
    "reach 2001:db8::1/64,2001:db8::2.",
    "reach ::ffff:10.1.2.3",
    "reach ::ffff:127.0.0.1",
    "reach ::1:8080",
    "reach ::",
  ];
  for (const create of scripts) assert.equal(targetOf(local, { ...near, create }).kind, "elsewhere", create);
  const harmless = [
    "reach ::1 443",
    "reach -h::1",
    "echo urn:x:local::shop::x::y",
    "perl -MFile::Spec -e 1",
    "echo ${ip:-none} a: :b ab:c",
  ];
  for (const create of harmless) assert.equal(targetOf(local, { ...near, create }).kind, "loopback", create);
});

test("a command with a program that reaches other machines by a word is not run, not even for loopback", () => {
  const scripts = [
    "ssh prod reboot",
    "scp ./a prod:",
    "/usr/bin/sftp prod",
    "rsync -a ./x/ prod:/y",
    "kubectl --context prod apply -f ./x",
    "set -e;kubectl delete ns shop",
    "helm upgrade a ./b",
    "docker run --rm x",
    "podman push a",
    "gcloud projects delete prod",
    "echo | gh repo delete a --yes",
    "aws s3 rb s3:bucket",
    "$(az vm delete)",
    "nc prod 443",
    "ncat 127.0.0.1 443",
    "telnet prod",
    "git push origin main",
    'sh -c "SSH prod"',
    "ssh-copy-id prod",
    "echo x > /dev/tcp/prod/443",
  ];
  for (const create of scripts) {
    assert.deepEqual(
      targetOf(local, { ...near, create }),
      { kind: "elsewhere", reason: "it names a program that reaches other machines" },
      create,
    );
  }
  const places: ValueMap[] = [
    { interpreter: ["ssh", "prod"] },
    { delete: "ssh prod" },
    { stdin: "ssh prod" },
    { environment: { ...(near["environment"] as ValueMap), RUN: secret("ssh prod") } },
  ];
  for (const place of places) assert.equal(targetOf(local, { ...near, ...place }).kind, "elsewhere");
});

test("words that only contain such a program's name don't count", () => {
  for (const create of ["./sshd_config.sh $GH_TOKEN", "echo launch sync azure docker_ unawsome kinds"])
    assert.equal(targetOf(local, { ...near, create }).kind, "loopback", create);
});

test("in doubt a command is not run: no target, unknown inputs, assets, another type", () => {
  const { environment: _none, ...undeclared } = near;
  const doubtful: [string, ValueMap][] = [
    [local, undeclared],
    [local, { ...near, environment: { ...(near["environment"] as ValueMap), OTHER: unknownValue } }],
    [local, { ...near, environment: unknownValue }],
    [local, { ...near, assetPaths: ["*"] }],
    [local, { ...near, archivePaths: ["*"] }],
    ["command:remote:Command", { ...near, connection: { host: "127.0.0.1" } }],
    ["command:remote:CopyToRemote", near],
    ["command:local:run", near],
    ["command:Local:Command", near],
  ];
  for (const [type, inputs] of doubtful) assert.equal(targetOf(type, inputs).kind, "elsewhere", JSON.stringify(inputs));
});

test("the reason quotes nothing of the inputs", () => {
  const hidden = "https://user:hunter2@kbs.example.com";
  for (const inputs of [
    { ...near, create: hidden },
    { ...near, environment: { NEKO_TRUST_TARGET: hidden } },
  ]) {
    assert.ok(!JSON.stringify(targetOf(local, inputs)).includes("hunter2"));
  }
});
