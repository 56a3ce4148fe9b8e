import { labId } from "../lab-values.ts";
import type { Context, Done, Resource, StandIn } from "../provider.ts";
import { keepSecret } from "../wire/secrets.ts";
import { at, hasSecret, isList, isMap, plain, secret, textAt, unknownValue } from "../wire/values.ts";
import type { Value, ValueMap } from "../wire/values.ts";
import { runCommand } from "./run.ts";
import { targetOf } from "./target.ts";

/** What `stdout` says of a command that was not run: not an empty text, which would claim that it said nothing. */
export const notRun = "neko-trust-lab: this command was not run, only recorded";

const defaultTimeoutMilliseconds = 300_000;

/**
 * Runs the commands whose target is on loopback (target.ts says when that is so), and records the others. As in
 * Pulumi's own command provider: an update runs `update`, or `create` where there is none; a delete runs `delete`, if
 * there is one; `triggers` replace.
 */
export function commandStandIn(): StandIn {
  return {
    packageName: "command",
    check: (_resource, _olds, news) => ({ inputs: news, failures: [] }),
    replaces: (_resource, change) => change.path[0] === "triggers",
    deleteBeforeReplace: () => false,
    inPlace: () => Promise.resolve(true),
    plan: (_resource, inputs) => Promise.resolve({ ...inputs, stdout: unknownValue, stderr: unknownValue }),
    create: (resource, inputs, context) => act(resource, inputs, "create", {}, context),
    update: async (resource, old, inputs, context) => ({
      ...(await act(resource, inputs, inputs["update"] === undefined ? "create" : "update", old.outputs, context)),
      id: old.id,
    }),
    delete: (resource, old, context) => act(resource, old.inputs, "delete", old.outputs, context),
    read: (resource, known) => {
      if (Object.keys(known.outputs).length > 0)
        return Promise.resolve({ ...known, outcome: "recorded", where: journalOnly });
      return Promise.reject(new Error(`${resource.name}: a command can't be imported.`));
    },
    // command:local:run would run a command while planning, without a URN that says for whom.
    invoke: () => undefined,
  };
}

const journalOnly = "the journal only";

async function act(
  resource: Resource,
  inputs: ValueMap,
  step: "create" | "update" | "delete",
  previous: ValueMap,
  context: Context,
): Promise<Done> {
  const id = labId(resource, { triggers: inputs["triggers"] ?? null });
  const target = targetOf(resource.type, inputs);
  if (target.kind === "elsewhere") {
    const outputs = keepSecret(inputs, { ...inputs, stdout: notRun, stderr: "" });
    return { id, outputs, outcome: "recorded", where: `${journalOnly} (${target.reason})` };
  }
  const script = textAt(inputs, step);
  if (script === undefined) {
    return {
      id,
      outputs: { ...inputs, stdout: "", stderr: "" },
      outcome: "recorded",
      where: `${journalOnly} (it has no ${step} command)`,
    };
  }
  const ran = await runCommand({
    interpreter: interpreterOf(inputs),
    script,
    environment: environmentOf(inputs, previous),
    directory: textAt(inputs, "dir"),
    input: textAt(inputs, "stdin"),
    timeoutMilliseconds: context.timeoutMilliseconds ?? defaultTimeoutMilliseconds,
    signal: context.signal,
  });
  // What it printed may hold what it was given, in a form that no search would find.
  const hidden = hasSecret(inputs) || hasSecret(previous);
  if (ran.exitCode !== 0) throw failed(resource, step, ran.exitCode, ran.stderr, hidden);
  const conceal = (text: string): Value => (hidden ? secret(text) : text);
  return {
    id,
    outputs: { ...inputs, stdout: conceal(ran.stdout), stderr: conceal(ran.stderr) },
    outcome: "ran",
    where: "this machine",
  };
}

function interpreterOf(inputs: ValueMap): readonly [string, ...string[]] {
  const given = at(inputs, "interpreter");
  const words = isList(given) ? given.map(plain).filter((word) => typeof word === "string") : [];
  const [program, ...options] = words;
  return program === undefined ? ["/bin/sh", "-c"] : [program, ...options];
}

/** The declared variables, and what the step before printed, unless `addPreviousOutputInEnv` is false. */
function environmentOf(inputs: ValueMap, previous: ValueMap): Record<string, string> {
  const declared = at(inputs, "environment");
  const environment: Record<string, string> = {};
  if (at(inputs, "addPreviousOutputInEnv") !== false) {
    for (const [key, name] of [
      ["stdout", "PULUMI_COMMAND_STDOUT"],
      ["stderr", "PULUMI_COMMAND_STDERR"],
    ] as const) {
      const text = textAt(previous, key);
      if (text !== undefined) environment[name] = text;
    }
  }
  for (const [name, value] of Object.entries(isMap(declared) ? declared : {})) {
    const text = plain(value);
    if (text !== null) environment[name] = typeof text === "string" ? text : JSON.stringify(text);
  }
  return environment;
}

function failed(resource: Resource, step: string, exitCode: number, stderr: string, hidden: boolean): Error {
  const lastLines = stderr.split("\n").slice(-10).join("\n");
  const said = hidden ? "Its output is not shown, as its inputs hold secrets." : lastLines;
  return new Error(`${resource.name}: the ${step} command ended with exit code ${exitCode}. ${said}`.trim());
}
