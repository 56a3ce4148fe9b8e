import { readYamlConfig } from "../../config/read-config.ts";
import type { CompileTargetName } from "../../core/compile/target-names.ts";
import { compileTargetNames } from "../../core/compile/target-names.ts";
import { brokerResourceSchema } from "../../core/compile/key-broker/rules.ts";
import { compileTargets } from "../../core/compile/targets.ts";
import { policyYaml } from "../../core/compile/write-policy.ts";
import { Failure } from "../../core/failure.ts";
import { safeParse } from "../../core/safe-parse.ts";
import { parseDigestReference } from "../../core/release/reference.ts";
import { compilePolicy, stackBroker, stackPlacement } from "../../operations/compile-policy.ts";
import type { CompileRequest } from "../../operations/compile-policy.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { readPolicyFile } from "../../operations/read-policy-file.ts";
import { readTeeRules } from "../../operations/read-tee-rules.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { assertOutput, readInput, writeOutput } from "./files.ts";

export interface CompilePolicyOptions {
  readonly target?: CompileTargetName;
  readonly stack?: string;
  readonly cluster?: string;
  readonly policy?: string;
  readonly trustedRoot?: string;
  readonly release: readonly string[];
  readonly name?: string;
  readonly rollout?: string;
  readonly exempt: readonly string[];
  readonly tufMirror?: string;
  readonly tufRoot?: string;
  readonly indexProvenance?: boolean;
  readonly teeRules?: string;
  readonly resource?: string;
  readonly planned?: boolean;
  readonly output?: string;
}

/** The action of `compile-policy`. */
export async function compilePolicyAction(options: CompilePolicyOptions, context: CommandContext): Promise<Outcome> {
  const { target: name, output: path } = options;
  if (name === undefined)
    throw misuse("No target was named.", `Name one with --target: ${compileTargetNames.join(", ")}.`);
  if (path !== undefined) assertOutput("--output", path);
  const request: CompileRequest = {
    target: name,
    ...(options.stack === undefined ? fromFiles(name, options) : fromStack(options.stack, name, options, context)),
    planned: options.planned === true,
    now: context.now(),
  };
  const output = await compilePolicy(request, {
    openRegistry: () => openRegistry(context.environment, context.signal),
    // Paths of a call without a stack are the caller's.
    checkout: options.stack === undefined ? process.cwd() : context.directories.checkout,
  });
  const { policy } = request.source;
  const madeBy = `neko-trust compile-policy --target ${name}${options.stack === undefined ? "" : ` --stack ${options.stack}`}`;
  const text = policyYaml(policy, compileTargets[name], output, { madeBy });
  const document = { ok: true, target: name, policy: policy.name, ...output };
  if (path === undefined) return { exitCode: exitCodes.done, lines: [text.trimEnd()], document };
  writeOutput("--output", path, new TextEncoder().encode(text));
  const lines = [`wrote ${path}: ${output.documents.length} objects`, ...output.notes.map((note) => `Note: ${note}`)];
  return { exitCode: exitCodes.done, lines, document: { ...document, output: path } };
}

type Sources = Pick<CompileRequest, "source" | "placement" | "tuf" | "broker">;

function fromStack(
  stack: string,
  target: CompileTargetName,
  options: CompilePolicyOptions,
  context: CommandContext,
): Sources {
  const { policy, trustedRoot, release, name, rollout, exempt, tufMirror, tufRoot, indexProvenance } = options;
  const lists = [...release, ...exempt];
  const single = [policy, trustedRoot, name, rollout, tufMirror, tufRoot, indexProvenance];
  const others = [...single, options.teeRules, options.resource].filter((value) => value !== undefined);
  if (lists.length + others.length > 0) {
    throw misuse(
      "--stack says all of it: the stack's file has the policy, the releases and the placement.",
      "Leave the other options out, or name a policy with --policy and no stack.",
    );
  }
  const config = readYamlConfig(stack, context.directories);
  if (target === "key-broker") return stackBroker(config);
  return { source: config, ...stackPlacement(config, target, options.cluster) };
}

const objectName = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function fromFiles(target: CompileTargetName, options: CompilePolicyOptions): Sources {
  const { policy, trustedRoot = "", release, name = "neko-trust", rollout = "warn", exempt, cluster } = options;
  if (policy === undefined)
    throw misuse("It isn't clear which policy to compile.", "Name a stack with --stack, or a policy with --policy.");
  if (cluster !== undefined) throw misuse("--cluster belongs to --stack.", "Leave it out.");
  if (rollout !== "warn" && rollout !== "enforce") throw misuse(`"${rollout}" is no rollout.`, "Use warn or enforce.");
  if (!objectName.test(name))
    throw misuse(`"${name}" can't start objects' names.`, "Use at most 40 lower-case letters, digits and dashes.");
  const unnamed = exempt.find((namespace) => !namespaceName.test(namespace));
  if (unnamed !== undefined)
    throw misuse(`"${unnamed}" is no name of a namespace.`, "Use lower-case letters, digits and dashes.");
  const releases = releasesOf(release);
  if (release.length > 0 && trustedRoot === "" && options.planned !== true) {
    throw misuse(
      "Releases are verified, which needs the root that the policy pins.",
      "Name trusted_root.json with --trusted-root.",
    );
  }
  const tuf = tufOf(options);
  const broker = brokerOf(target, options);
  if (broker !== undefined && releases.length > 1) {
    throw misuse("The key broker's signer has one image.", "Give --release digests of the signer's image alone.");
  }
  return {
    source: { policy: readPolicyFile(policy), trustedRoot, releases },
    placement: {
      name,
      namespace: name,
      rollout,
      scope: { kind: "all-except", exempt: exempt.length === 0 ? ["kube-system"] : exempt },
      ...(options.indexProvenance === true ? { indexProvenance: true } : {}),
    },
    ...(tuf === undefined ? {} : { tuf }),
    ...(broker === undefined ? {} : { broker }),
  };
}

/** Who gets what of the key broker; undefined for the other targets. */
function brokerOf(target: CompileTargetName, { teeRules, resource }: CompilePolicyOptions): Sources["broker"] {
  if (target !== "key-broker") {
    if (teeRules === undefined && resource === undefined) return undefined;
    throw misuse("--tee-rules and --resource are the key broker's.", "Leave them out, or use --target key-broker.");
  }
  if (teeRules === undefined || resource === undefined) {
    throw misuse(
      "The key broker's policies need to know which platforms may get which credential.",
      "Give --tee-rules (a file with the keys of keyBroker.tee) and --resource <type/tag>, or --stack alone.",
    );
  }
  const [type, tag, ...rest] = resource.split("/");
  const parsed = safeParse(brokerResourceSchema, { type, tag });
  if (!parsed.success || rest.length > 0) {
    throw misuse(`"${resource}" is no resource.`, "Write type/tag, for example credential/registry.");
  }
  return { tee: readTeeRules(teeRules), resources: [parsed.data] };
}

/** Of several digests of one image, the first is the current one. */
function releasesOf(texts: readonly string[]): Sources["source"]["releases"] {
  const byImage = new Map<string, ReturnType<typeof parseDigestReference>[]>();
  for (const text of texts) {
    const reference = parseDigestReference(text);
    byImage.set(reference.repository, [...(byImage.get(reference.repository) ?? []), reference]);
  }
  return [...byImage].flatMap(([image, [current, ...retained]]) =>
    current === undefined ? [] : [{ image, current: current.digest, retained: retained.map(({ digest }) => digest) }],
  );
}

function tufOf({ tufMirror, tufRoot }: CompilePolicyOptions): Sources["tuf"] {
  if (tufMirror === undefined && tufRoot === undefined) return undefined;
  if (tufMirror === undefined || tufRoot === undefined || !URL.canParse(tufMirror)) {
    throw misuse(
      "--tuf-mirror and --tuf-root belong together.",
      "Give the mirror's URL, and the file of its root.json.",
    );
  }
  return { mirror: tufMirror, root: Buffer.from(readInput("--tuf-root", tufRoot)).toString("base64") };
}

function misuse(message: string, remedy: string): Failure {
  return new Failure({ code: "COMPILE_POLICY_MISUSED", kind: "usage", message, remedy });
}
