import assert from "node:assert/strict";
import { test } from "node:test";
import type { Command } from "commander";
import { Failure } from "../../../src/core/failure.ts";
import { commandsFor } from "../../../src/cli/commands.ts";
import type { RegisterCommand } from "../../../src/cli/commands.ts";
import { createProgram } from "../../../src/cli/program.ts";
import { runInProcess } from "../../support/command-line.ts";

const nothing = (): void => undefined;
const program = createProgram(() => Promise.resolve(), { writeOut: nothing, writeHelp: nothing });

/** Every command and its path; `group` for those that only hold others. */
function commandsBelow(
  command: Command,
  path: readonly string[] = [],
): { path: string[]; command: Command; group: boolean }[] {
  return command.commands.flatMap((child) => {
    const own = [...path, child.name()];
    return [{ path: own, command: child, group: child.commands.length > 0 }, ...commandsBelow(child, own)];
  });
}

const all = commandsBelow(program);
const runnable = all.filter(({ group }) => !group);

test("there are commands", () => {
  assert.deepEqual(runnable.map(({ path }) => path.join(" ")).sort(), [
    "adopt",
    "attest-image",
    "attested-key attest",
    "attested-key quote",
    "attested-key sign",
    "attested-key status",
    "attested-key verify",
    "attested-key watch",
    "compile-policy",
    "doctor",
    "drift",
    "engine",
    "env",
    "github immutable-releases",
    "github package",
    "init",
    "key-broker check",
    "lab down",
    "lab token",
    "lab up",
    "measure-signer",
    "pin",
    "policy digest",
    "policy explain",
    "preview",
    "promote",
    "publish-manifest",
    "rebuild",
    "release candidate",
    "release list",
    "release set",
    "release tag",
    "repro-check",
    "root update",
    "sign-image",
    "status",
    "tee endorsement",
    "tee status",
    "verify-bundle",
    "verify-image",
  ]);
});

test("a line that begins with a command's name gets that command alone, every other gets all", () => {
  const namesFor = (args: readonly string[]): string[] =>
    createProgram(() => Promise.resolve(), { writeOut: nothing, writeHelp: nothing }, commandsFor(args)).commands.map(
      (command) => command.name(),
    );
  const names = program.commands.map((command) => command.name());
  for (const name of names) assert.deepEqual(namesFor([name, "--help"]), [name]);
  for (const args of [[], ["--help"], ["help", "status"], ["verify"], ["constructor"], ["--version", "status"]])
    assert.deepEqual(namesFor(args), names);
});

for (const { path, command, group } of all) {
  const name = path.join(" ");

  test(`${name}: has a summary that fits a list, and options that are described`, () => {
    assert.match(command.summary(), /^[a-z].{10,110}[^.]$/);
    for (const option of command.options) assert.ok(option.description.length > 5, option.flags);
    for (const argument of command.registeredArguments) assert.ok(argument.description.length > 5, argument.name());
  });

  test(`${name} --help: exits 0, names the command on standard output and nothing else anywhere`, async () => {
    for (const args of [
      [...path, "--help"],
      [...path, "-h"],
    ]) {
      const { code, stdout, stderr } = await runInProcess(args);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`Usage: neko-trust ${name} `), stdout);
      assert.equal(stderr, "");
    }
  });

  test(`${name} --no-such-option: exits 2 and ends with its code`, async () => {
    const words = await runInProcess([...path, "--no-such-option"]);
    assert.equal(words.code, 2);
    assert.equal(words.stdout, "");
    assert.match(words.stderr, /^error: Unknown option '--no-such-option'\.\nto do: .+\n\(code USAGE_INVALID\)\n$/);
  });

  if (group) {
    test(`${name} alone: exits 2 and lists what there is`, async () => {
      const { code, stdout, stderr } = await runInProcess(path);
      assert.equal(code, 2);
      assert.equal(stdout, "");
      assert.match(stderr, /^Usage: neko-trust [\s\S]+\(code COMMAND_MISSING\)\n$/);
    });
    continue;
  }

  test(`${name} --json: has the option, and a wrong call gives one JSON document on standard output`, async () => {
    assert.ok(command.options.some(({ long }) => long === "--json"));
    const { code, stdout, stderr } = await runInProcess([...path, "--json", "--no-such-option"]);
    assert.equal(code, 2);
    assert.equal(stderr, "");
    const document = JSON.parse(stdout) as { ok: boolean; error: Record<string, unknown> };
    assert.equal(document.ok, false);
    assert.deepEqual(Object.keys(document.error).sort(), ["code", "details", "message", "remedy"]);
    assert.equal(document.error["code"], "USAGE_INVALID");
  });

  // Where any number may be named, none is too many.
  if (command.registeredArguments.some(({ variadic }) => variadic)) continue;

  test(`${name}: one argument too many exits 2`, async () => {
    const many = [...command.registeredArguments.map(() => "a.example/b:c"), "one-more"];
    const { code, stderr } = await runInProcess([...path, ...many]);
    assert.equal(code, 2);
    assert.match(stderr, /^error: Too many arguments/);
    assert.match(stderr, /\n\(code USAGE_INVALID\)\n$/);
  });
}

test("no command at all exits 2 with the list of commands; an unknown one is told", async () => {
  const none = await runInProcess([]);
  assert.equal(none.code, 2);
  for (const { path } of all.filter(({ path: { length } }) => length === 1))
    assert.ok(none.stderr.includes(`\n  ${path.join()} `));
  assert.match(none.stderr, /\(code COMMAND_MISSING\)\n$/);
  const unknown = await runInProcess(["verify"]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /^error: Unknown command 'verify'\./);
});

/** A program whose one command does what a test wants. */
function withCommand(action: () => Promise<never>): readonly RegisterCommand[] {
  return [
    (parent, run) => {
      parent
        .command("odd")
        .option("--json", "print one JSON document")
        .action(() => run(action));
    },
  ];
}

const failing = (kind: Failure["kind"], code = "SOME_CODE") =>
  withCommand(() =>
    Promise.reject(
      new Failure(
        { code, kind, message: "It went wrong.", remedy: "Mend it.", details: ["first", "second\u001b[2K"] },
        { cause: new Error("inner secret") },
      ),
    ),
  );

for (const [kind, exitCode] of [
  ["refused", 1],
  ["usage", 2],
  ["unavailable", 3],
] as const) {
  test(`a Failure of kind ${kind} exits ${exitCode}: words, details, what to do and code, without a stack`, async () => {
    const environment = { NEKO_TRUST_DEBUG: "1" };
    const words = await runInProcess(["odd"], { commands: failing(kind), environment });
    assert.equal(words.code, exitCode);
    assert.equal(words.stdout, "");
    assert.equal(
      words.stderr,
      "error: It went wrong.\n  - first\n  - second\\u{1b}[2K\nto do: Mend it.\n(code SOME_CODE)\n",
    );
    const json = await runInProcess(["odd", "--json"], { commands: failing(kind), environment });
    assert.equal(json.code, exitCode);
    assert.equal(json.stderr, "");
    assert.deepEqual(JSON.parse(json.stdout), {
      ok: false,
      error: {
        code: "SOME_CODE",
        message: "It went wrong.",
        remedy: "Mend it.",
        details: ["first", "second\u001b[2K"],
      },
    });
  });
}

test("an interruption exits 130", async () => {
  const { code, stderr } = await runInProcess(["odd"], { commands: failing("unavailable", "INTERRUPTED") });
  assert.equal(code, 130);
  assert.match(stderr, /\(code INTERRUPTED\)\n$/);
});

for (const [what, thrown] of [
  ["an error", new TypeError("x is undefined")],
  ["a text", "a text"],
  ["nothing", undefined],
  ["an object", { code: 7 }],
] as const) {
  test(`what isn't a Failure (${what}) exits 4 as a bug; its stack is for NEKO_TRUST_DEBUG alone`, async () => {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is what this test is about
    const commands = withCommand(() => Promise.reject(thrown));
    const quiet = await runInProcess(["odd"], { commands });
    assert.equal(quiet.code, 4);
    assert.match(quiet.stderr, /^error: This is a bug in neko-trust: /);
    assert.match(quiet.stderr, /\(code INTERNAL\)\n$/);
    assert.doesNotMatch(quiet.stderr, /\n\s+at /);
    const json = await runInProcess(["odd", "--json"], { commands });
    assert.equal(json.code, 4);
    assert.equal((JSON.parse(json.stdout) as { error: { code: string } }).error.code, "INTERNAL");
    const loud = await runInProcess(["odd"], { commands, environment: { NEKO_TRUST_DEBUG: "1" } });
    assert.equal(/\n\s+at /.test(loud.stderr), thrown instanceof Error);
  });
}

test("leaves no listener for signals behind", async () => {
  const count = (): number => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
  const before = count();
  await runInProcess(["--help"]);
  await runInProcess(["odd"], { commands: failing("usage") });
  assert.equal(count(), before);
});

test("--version before a command prints the version alone; after one it is the command's", async () => {
  const { code, stdout, stderr } = await runInProcess(["--version"]);
  assert.equal(code, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(stderr, "");
  const other = await runInProcess(["status", "--version"]);
  assert.equal(other.code, 2);
});
