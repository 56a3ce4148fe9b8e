import { legible } from "../core/legible.ts";
import type { ReleaseData } from "../core/release/verified-release.ts";
import type { ProvenStatement } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";

/** A node of the tree that reports print. */
export interface TreeNode {
  readonly label: string;
  readonly children: readonly TreeNode[];
}

function statementNode(statement: ProvenStatement): TreeNode {
  const logs = statement.logs.map((log) => `log ${log.slice(0, 12)}…`).join(", ");
  return {
    label: `${statement.kind} by signer "${statement.signer}", signed ${statement.signedAt}, ${logs}`,
    children: [{ label: `identity ${statement.identity}`, children: [] }],
  };
}

/** What was verified, from source to statements: the chain of one release as a tree. */
export function chainTree(release: ReleaseData): TreeNode {
  const { manifest } = release;
  const about = (digest: string) =>
    release.statements.filter((statement) => statement.subject === digest).map(statementNode);
  const platforms = manifest.platforms.map((entry): TreeNode => ({
    label: `${entry.platform} ${entry.digest}`,
    children: [
      {
        label: `Nix artifact ${entry.storePath}`,
        children: [{ label: `NAR hash ${entry.narHash} (claimed by the manifest)`, children: [] }],
      },
      ...about(entry.digest),
    ],
  }));
  return {
    label: `${release.repository}@${release.digest}`,
    children: [
      {
        label: `${manifest.name} ${manifest.version}, trusted by policy "${release.policyName}" (${release.environment})`,
        children: [],
      },
      { label: `source ${manifest.source.repository} at ${manifest.source.commit}`, children: [] },
      { label: `flake ${manifest.flake.repository} at ${manifest.flake.commit}`, children: [] },
      ...about(release.digest),
      ...platforms,
    ],
  };
}

/** The tree in box-drawing characters, one line a node; what came from evidence can't add lines or escapes. */
export function drawTree(node: TreeNode): string[] {
  return [legible(node.label), ...drawChildren(node, "")];
}

function drawChildren(node: TreeNode, prefix: string): string[] {
  return node.children.flatMap((child, index) => {
    const last = index === node.children.length - 1;
    return [
      `${prefix}${last ? "└─ " : "├─ "}${legible(child.label)}`,
      ...drawChildren(child, `${prefix}${last ? "   " : "│  "}`),
    ];
  });
}

/** Findings: what refuses as its code and four readable lines, what was skipped or is noted in one. */
export function drawFindings(findings: readonly Finding[]): string[] {
  const refusals = findings.filter((finding) => finding.severity === "refuse");
  const others = findings.filter((finding) => finding.severity !== "refuse");
  return [
    ...refusals.flatMap((finding) => [
      `✗ ${finding.code}  ${finding.subject}`,
      `    expected  ${finding.expected}`,
      `    found     ${finding.found}`,
      `    to do     ${finding.remedy}`,
    ]),
    ...others.map((finding) => `– ${finding.severity}: ${finding.subject} (${finding.found})`),
  ];
}
