import { stringify } from "yaml";
import { policyDigest } from "../policy/policy-digest.ts";
import type { TrustPolicy } from "../policy/trust-policy.ts";
import type { CompileTarget, TargetOutput } from "./target.ts";

/** What the head of a compiled file says besides. */
export interface PolicyHead {
  /** The command that writes the same again, or what made it. */
  readonly madeBy: string;
  /** Lines on what the reader has to do. */
  readonly instructions?: readonly string[];
}

const width = 118;

/** Compiled documents as YAML: a comment that says what made them and from what, then one document each. */
export function policyYaml(
  policy: TrustPolicy,
  target: CompileTarget,
  output: TargetOutput,
  { madeBy, instructions = [] }: PolicyHead,
): string {
  const head = [
    `${target.title}: ${target.summary}.`,
    `Made by ${madeBy}. Do not edit: change the policy and make it again.`,
    `From policy "${policy.name}" (${policy.environment}), ${policyDigest(policy)}.`,
    ...instructions,
    ...output.notes.map((note) => `Note: ${note}`),
    `What it enforces and what it does not: src/core/compile/${target.folder}/README.md, docs/generated/support-matrix.md.`,
  ];
  const documents = output.documents.map((document) =>
    stringify(document, { lineWidth: 0, aliasDuplicateObjects: false }),
  );
  return `${head.flatMap(comment).join("\n")}\n---\n${documents.join("---\n")}`;
}

/** Texts of a policy stand in comments: no line break of theirs may end one. */
function comment(text: string): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + word.length >= width) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => `# ${each}`);
}
