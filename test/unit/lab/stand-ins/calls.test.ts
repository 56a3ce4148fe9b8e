import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import service from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { startStandIns } from "../../../../lab/stand-ins/start.ts";
import type { StandIns } from "../../../../lab/stand-ins/start.ts";
import { fromStruct, toStruct } from "../../../../lab/stand-ins/wire/struct.ts";
import { isSecret, isUnknown, secret, textAt } from "../../../../lab/stand-ins/wire/values.ts";
import type { ValueMap } from "../../../../lab/stand-ins/wire/values.ts";
import { Failure } from "../../../../src/core/failure.ts";

const folder = mkdtempSync(join(tmpdir(), "neko-trust-calls-"));
const journalFile = join(folder, "journal.jsonl");
const kubernetes = { kind: "files", directory: join(folder, "rendered") } as const;
const scope = { stack: "local", project: "shop", kubernetes };
let standIns: StandIns;
let planning: StandIns;

before(async () => {
  standIns = await startStandIns({ ...scope, mode: "local", journalFile });
  planning = await startStandIns({ ...scope, mode: "preview", journalFile: join(folder, "planning.jsonl") });
});

after(async () => {
  await Promise.all([standIns.stop(), planning.stop()]);
  rmSync(folder, { recursive: true });
});

type Client = InstanceType<typeof service.ResourceProviderClient>;

/** Talks to one of the stand-ins as the engine does. */
function client(of: StandIns, packageName: string): Client {
  const port = new RegExp(`(?:^|,)${packageName}:(\\d+)`, "u").exec(of.debugProviders)?.[1] ?? "";
  return new service.ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
}

type Answered<Response> = (error: grpc.ServiceError | null, response: Response) => void;

async function ask<Response>(start: (done: Answered<Response>) => unknown): Promise<Response> {
  return await new Promise((resolve, reject) => {
    start((error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  });
}

function fails(code: grpc.status, message: RegExp): (error: unknown) => boolean {
  return (error) => (error as grpc.ServiceError).code === code && message.test((error as grpc.ServiceError).details);
}

const repository = "github:index/repository:Repository";
const urnOf = (type: string, stack = "local", name = "one"): string => `urn:pulumi:${stack}::shop::${type}::${name}`;

async function create(
  of: StandIns,
  packageName: string,
  type: string,
  inputs: ValueMap,
  preview = false,
  stack = "local",
) {
  const request = new messages.CreateRequest();
  request.setUrn(urnOf(type, stack));
  request.setProperties(toStruct(inputs));
  request.setPreview(preview);
  const response = await ask<messages.CreateResponse>((done) => client(of, packageName).create(request, done));
  return { id: response.getId(), outputs: fromStruct(response.getProperties()) };
}

test("stand-ins never start for another stack in mode local", async () => {
  for (const stack of ["production", "staging", "platform", "", "Local"]) {
    await assert.rejects(
      startStandIns({ ...scope, stack, mode: "local", journalFile: join(folder, "never.jsonl") }),
      (error) => error instanceof Failure && error.code === "STAND_INS_OTHER_STACK",
    );
  }
});

test("each method refuses another stack's URN, and the journal tells", async () => {
  const foreign = urnOf(repository, "production");
  const hub = client(standIns, "github");
  const set = <Request extends { setUrn(urn: string): unknown }>(request: Request): Request => {
    request.setUrn(foreign);
    return request;
  };
  const calls: Record<string, (done: Answered<unknown>) => unknown> = {
    CheckConfig: (done) => hub.checkConfig(set(new messages.CheckRequest()), done),
    DiffConfig: (done) => hub.diffConfig(set(new messages.DiffRequest()), done),
    Configure: (done) => hub.configure(set(new messages.ConfigureRequest()), done),
    Check: (done) => hub.check(set(new messages.CheckRequest()), done),
    Diff: (done) => hub.diff(set(new messages.DiffRequest()), done),
    Create: (done) => hub.create(set(new messages.CreateRequest()), done),
    Read: (done) => hub.read(set(new messages.ReadRequest()), done),
    Update: (done) => hub.update(set(new messages.UpdateRequest()), done),
    Delete: (done) => hub.delete(set(new messages.DeleteRequest()), done),
  };
  for (const [method, call] of Object.entries(calls)) {
    await assert.rejects(
      ask(call),
      fails(grpc.status.PERMISSION_DENIED, /belongs to stack production, not to local/),
      method,
    );
    assert.equal(standIns.refusals().at(-1)?.refused, method);
    assert.equal(standIns.refusals().at(-1)?.urn, foreign);
  }
  assert.deepEqual(standIns.journal(), []);
});

test("in mode preview a create without the preview flag is refused, and a plan leaves no entry", async () => {
  await assert.rejects(
    create(planning, "github", repository, { name: "a" }),
    fails(grpc.status.PERMISSION_DENIED, /offline preview/),
  );
  const { id, outputs } = await create(planning, "github", repository, { name: "a" }, true);
  assert.equal(id, "");
  assert.ok(isUnknown(outputs["repoId"]));
  assert.deepEqual(planning.journal(), []);
});

test("a function is answered only on a connection on which a provider of the stack was set up", async () => {
  const google = client(standIns, "gcp");
  const request = new messages.InvokeRequest();
  request.setTok("gcp:organizations/getProject:getProject");
  const invoke = (done: Answered<messages.InvokeResponse>): unknown => google.invoke(request, done);
  await assert.rejects(ask(invoke), fails(grpc.status.PERMISSION_DENIED, /no provider of the stack/));
  const configure = new messages.ConfigureRequest();
  configure.setUrn(urnOf("pulumi:providers:gcp"));
  configure.setArgs(toStruct({ project: "shop-project" }));
  await ask((done) => google.configure(configure, done));
  const answer = fromStruct((await ask(invoke)).getReturn());
  assert.equal(answer["projectId"], "shop-project");
  request.setTok("gcp:compute/getImage:getImage");
  await assert.rejects(ask(invoke), fails(grpc.status.UNKNOWN, /has no function gcp:compute\/getImage:getImage/));
});

test("a function that would run a command while planning is not known", async () => {
  const commands = client(standIns, "command");
  const configure = new messages.ConfigureRequest();
  configure.setUrn(urnOf("pulumi:providers:command"));
  await ask((done) => commands.configure(configure, done));
  const request = new messages.InvokeRequest();
  request.setTok("command:local:run");
  request.setArgs(toStruct({ command: "touch /tmp/never" }));
  await assert.rejects(
    ask<messages.InvokeResponse>((done) => commands.invoke(request, done)),
    fails(grpc.status.UNKNOWN, /has no function command:local:run/),
  );
});

test("ids are the same in every run, and lab values look like nothing real", async () => {
  const inputs = { name: "neko", visibility: "private" };
  const first = await create(standIns, "github", repository, inputs);
  assert.deepEqual(await create(standIns, "github", repository, inputs), first);
  assert.equal(first.id, "neko");
  assert.equal(first.outputs["fullName"], "neko-lab/neko");
  assert.match(textAt(first.outputs, "htmlUrl") ?? "", /^https:\/\/github\.lab\.invalid\//);
  assert.match(JSON.stringify(first.outputs["repoId"]), /^99\d{10}$/);
  assert.equal(first.outputs["visibility"], "private");
});

test("a type that the stand-in never heard of is recorded, secrets kept", async () => {
  const { id, outputs } = await create(standIns, "gcp", "gcp:new/thing:Thing", { a: secret("hidden-value"), b: 1 });
  assert.match(id, /^lab-[0-9a-f]{16}$/);
  assert.ok(isSecret(outputs["a"]));
  const entry = standIns.journal().at(-1);
  assert.equal(entry?.outcome, "recorded");
  assert.ok(!readFileSync(journalFile, "utf8").includes("hidden-value"));
});

test("a command that fails says how, without what was secret", async () => {
  const environment = { NEKO_TRUST_TARGET: "http://127.0.0.1:9" };
  const type = "command:local:Command";
  await assert.rejects(
    create(standIns, "command", type, { create: "echo went wrong >&2; exit 3", environment }),
    fails(grpc.status.UNKNOWN, /exit code 3\. went wrong/),
  );
  const told = create(standIns, "command", type, {
    create: 'echo "$TOKEN" | rev >&2; exit 1',
    environment: { ...environment, TOKEN: secret("hidden-token") },
  });
  await assert.rejects(told, (error) => {
    const { details } = error as grpc.ServiceError;
    return !details.includes("hidden-token") && !details.includes("nekot-neddih") && details.includes("not shown");
  });
});

test("a command sees none of this process's environment, and no home", async () => {
  process.env["NEKO_TEST_CREDENTIAL"] = "should-not-be-seen";
  const { outputs } = await create(standIns, "command", "command:local:Command", {
    create: 'echo "${NEKO_TEST_CREDENTIAL:-none} $HTTPS_PROXY"; ls -A "$HOME"; echo "$HOME"',
    environment: { NEKO_TRUST_TARGET: "http://127.0.0.1:9" },
  });
  const [first, home, ...rest] = (textAt(outputs, "stdout") ?? "").split("\n");
  assert.equal(first, "none http://127.0.0.1:9");
  assert.notEqual(home, process.env["HOME"]);
  assert.deepEqual(rest, []);
});

test("a cancelled operation ends its commands", async () => {
  const commands = client(standIns, "command");
  const running = create(standIns, "command", "command:local:Command", {
    create: "sleep 60",
    environment: { NEKO_TRUST_TARGET: "http://127.0.0.1:9" },
  });
  const rejected = assert.rejects(running, fails(grpc.status.UNKNOWN, /cancelled/));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { default: empty } = await import("google-protobuf/google/protobuf/empty_pb.js");
  await ask((done) => commands.cancel(new empty.Empty(), done));
  await rejected;
});

test("what the stand-in can't honour is told when the provider is set up", async () => {
  const request = new messages.CheckRequest();
  request.setUrn(urnOf("pulumi:providers:kubernetes"));
  request.setNews(toStruct({ namespace: "shop" }));
  const response = await ask<messages.CheckResponse>((done) =>
    client(standIns, "kubernetes").checkConfig(request, done),
  );
  assert.equal(response.getFailuresList()[0]?.getProperty(), "namespace");
});

test("methods that no stand-in has are unimplemented, the handshake included", async () => {
  const hub = client(standIns, "github");
  await assert.rejects(
    ask((done) => hub.handshake(new messages.ProviderHandshakeRequest(), done)),
    fails(grpc.status.UNIMPLEMENTED, /handshake/),
  );
  await assert.rejects(
    ask((done) => hub.construct(new messages.ConstructRequest(), done)),
    fails(grpc.status.UNIMPLEMENTED, /construct/),
  );
});
