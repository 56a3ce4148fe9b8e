import assert from "node:assert/strict";
import { test } from "node:test";
import * as command from "@pulumi/command";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import type { GitHubApiAccess } from "../../../components/ghcr-repository/args.ts";
import { GhcrRepository } from "../../../components/ghcr-repository/component.ts";
import type { GhcrRepositoryOptions } from "../../../components/ghcr-repository/component.ts";
import { ghcrRepositorySettingsSchema } from "../../../components/ghcr-repository/settings.ts";
import { ghcrRepositoryFields } from "../../support/ghcr-repository.ts";
import { codeThrown } from "../../support/failures.ts";
import { secretIn, startMocks, unwrap } from "../../support/mocks.ts";

const token = "the hidden token";
const wanted = { immutableReleases: "on", package: { name: "neko/base", ownerKind: "user", visibility: "public" } };
const outputs = (type: string): Record<string, unknown> => {
  if (type === "github:index/repository:Repository") return { fullName: "m1k1o/neko" };
  return type.startsWith("command:") ? { stdout: "what was printed" } : {};
};
const withBoth = (): GhcrRepositoryOptions => ({
  providers: {
    github: new github.Provider("github", { owner: "m1k1o", token: pulumi.secret(token) }),
    command: new command.Provider("command"),
  },
});

function make(changes: object = wanted, api: Partial<GitHubApiAccess> = {}, opts = withBoth()): GhcrRepository {
  const settings = ghcrRepositorySettingsSchema.parse({ ...ghcrRepositoryFields, ...changes });
  const given = { url: "https://api.github.com", token: pulumi.secret(token), ...api };
  return new GhcrRepository("neko", { settings, api: given }, opts);
}

test("commands reach GitHub with the token in the environment alone, wrapped", async () => {
  const mocks = await startMocks({ outputs });
  const component = make(wanted, { release: `sha256:${"a".repeat(64)}` });
  await mocks.settled();
  const immutable = mocks.named("neko-immutable-releases");
  assert.equal(immutable.inputs["create"], "node ./bin/neko-trust.mjs github immutable-releases m1k1o/neko on --json");
  assert.equal(immutable.inputs["delete"], undefined);
  const look = mocks.named("neko-package");
  assert.equal(
    look.inputs["create"],
    "node ./bin/neko-trust.mjs github package m1k1o/neko/base --owner-kind user --visibility public --repository m1k1o/neko --json",
  );
  for (const { inputs, provider } of [immutable, look]) {
    assert.match(provider, /pulumi:providers:command::command::/);
    // One secret in it makes the whole map one.
    const environment = secretIn(inputs["environment"]) as Record<string, unknown>;
    assert.equal(environment["NEKO_TRUST_GITHUB_TOKEN"], token);
    assert.equal(environment["NEKO_TRUST_TARGET"], "https://api.github.com");
    assert.equal(inputs["addPreviousOutputInEnv"], false);
    assert.ok(!JSON.stringify({ ...inputs, environment: undefined }).includes(token));
  }
  const looking = secretIn(look.inputs["environment"]) as Record<string, unknown>;
  assert.equal(looking["NEKO_TRUST_RELEASE"], `sha256:${"a".repeat(64)}`);
  assert.equal(await unwrap(component.packageCheck), "what was printed");
  const others = mocks.resources.filter(({ type }) => !/^(?:command|pulumi:providers):/.test(type));
  assert.ok(!JSON.stringify([others, [...mocks.registeredOutputs]]).includes(token));
});

test("only what is to be deleted turns immutable releases off, and another way to call the program is taken", async () => {
  const mocks = await startMocks({ outputs });
  make({ ...wanted, onDestroy: "delete" }, { cli: "npx --no-install neko-trust" });
  await mocks.settled();
  const { inputs } = mocks.named("neko-immutable-releases");
  assert.equal(inputs["delete"], "npx --no-install neko-trust github immutable-releases m1k1o/neko off --json");
});

test("without the settings there is no command, and neither its provider nor the API is needed", async () => {
  const mocks = await startMocks({ outputs });
  const provider = new github.Provider("github", { owner: "m1k1o" });
  const settings = ghcrRepositorySettingsSchema.parse(ghcrRepositoryFields);
  const component = new GhcrRepository("neko", { settings }, { provider });
  await mocks.settled();
  assert.ok(!mocks.resources.some(({ type }) => type.startsWith("command:")));
  assert.equal(await unwrap(component.packageCheck), "");
});

test("refuses settings that need a command without its provider, without the API, or with a plain token", async () => {
  await startMocks({ outputs });
  const provider = new github.Provider("github", { owner: "m1k1o" });
  const code = (call: () => unknown) => codeThrown(call, "planned");
  for (const one of [{ immutableReleases: "on" }, { package: wanted.package }]) {
    assert.equal(
      code(() => make(one, {}, { provider })),
      "PROVIDER_REQUIRED",
    );
    const settings = ghcrRepositorySettingsSchema.parse({ ...ghcrRepositoryFields, ...one });
    assert.equal(
      code(() => new GhcrRepository("neko", { settings }, withBoth())),
      "GITHUB_API_MISSING",
    );
  }
  const plain = { token } as unknown as Partial<GitHubApiAccess>;
  assert.equal(
    code(() => make(wanted, plain)),
    "SECRET_IN_PLAIN_TEXT",
  );
});

test("settings of commands refuse what is no package, and immutable releases that are off", () => {
  const faults = (changes: object) =>
    ghcrRepositorySettingsSchema
      .safeParse({ ...ghcrRepositoryFields, ...changes })
      .error?.issues.map((issue) => issue.path.join(".")) ?? [];
  assert.deepEqual(faults(wanted), []);
  for (const value of ["off", true, null])
    assert.deepEqual(faults({ immutableReleases: value }), ["immutableReleases"]);
  const withPackage = (changes: object) => faults({ package: { ...wanted.package, ...changes } });
  for (const name of ["", "Neko", "/neko", "neko/", "neko..", "a b", "neko;id", "$(id)", 7]) {
    assert.deepEqual(withPackage({ name }), ["package.name"], String(name));
  }
  assert.deepEqual(withPackage({ ownerKind: "team" }), ["package.ownerKind"]);
  assert.deepEqual(withPackage({ visibility: "secret" }), ["package.visibility"]);
  assert.deepEqual(withPackage({ extra: 1 }), ["package"]);
});
