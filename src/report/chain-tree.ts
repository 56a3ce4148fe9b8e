import { legible } from "../core/legible.ts";
import type { PlatformRebuilds, ProvenStatement, ReleaseData } from "../core/release/verified-release.ts";
import type { Finding } from "../core/verify/finding.ts";

/** A node of the tree that reports print. */
export interface TreeNode {
  readonly label: string;
  readonly children: readonly TreeNode[];
}

function statementNode(statement: ProvenStatement): TreeNode {
  const logs = statement.logs.map((log) => `log ${log.slice(0, 12)}…`).join(", ");
  const form = statement.legacy === true ? ", in cosign's older form" : "";
  return {
    label: `${statement.kind} by signer "${statement.signer}", signed ${statement.signedAt}, ${logs}${form}`,
    children: [{ label: `identity ${statement.identity}`, children: [] }],
  };
}

/** Who built the same bytes again, and how independent of each other they are. */
function rebuildsNode({ rebuilders, operators, demanded, failureDomains }: PlatformRebuilds): TreeNode {
  const counted =
    demanded === 0 ? `${operators} operators, none demanded` : `${operators} of ${demanded} demanded operators`;
  const alike = failureDomains === 1 && operators > 1 ? "; all at one provider: one failure domain" : "";
  const names = rebuilders.map(({ id, operator, provider }) => `${id} (${operator}, at ${provider})`).join(", ");
  return { label: `rebuilt by ${counted}${names === "" ? "" : `: ${names}`}${alike}`, children: [] };
}

/** The attested signature: when, on which machine, measured as what, and Intel's word on it. */
function teeNode(tee: NonNullable<ReleaseData["tee"]>): TreeNode {
  const { platform, tcb, today, measurements } = tee;
  const leaf = (label: string): TreeNode => ({ label, children: [] });
  const short = (hex: string): string => `${hex.slice(0, 16)}…`;
  return {
    label: `attested signature, quote made between ${tee.challengedAt} and ${tee.signedAt}, ${tee.key === "ephemeral" ? "a key for this image alone" : "the key broker's key (the KBS operator can sign)"}`,
    children: [
      leaf(`key ${tee.keyDigest}`),
      leaf(`verified by the signer under the policy ${tee.policy}`),
      {
        label: `measured as signer release ${tee.signerRelease}`,
        children: (["mrtd", "rtmr0", "rtmr1", "rtmr2"] as const).map((name) =>
          leaf(`${name.toUpperCase()} ${short(measurements[name])}`),
        ),
      },
      leaf(`TDX platform ${platform.ppid}${platform.bound ? ", listed in the policy" : " (platform unbound)"}`),
      leaf(`TCB ${tcbText(tcb)}`),
      ...(today === undefined ? [] : [leaf(`TCB today ${tcbText(today)}, good until ${today.until}`)]),
      ...tee.notes.map((note) => leaf(`note: ${note}`)),
    ],
  };
}

function tcbText({ status, date, evaluation, advisories }: NonNullable<ReleaseData["tee"]>["tcb"]): string {
  const open = advisories.length === 0 ? "" : `, open: ${advisories.join(", ")}`;
  return `${status}, level of ${date.slice(0, 10)}, evaluation ${evaluation}${open}`;
}

/** What was verified, from source to statements: the chain of one release as a tree. */
export function chainTree(release: ReleaseData): TreeNode {
  const { manifest, recomputed, rebuilds, exceptions } = release;
  const about = (digest: string) =>
    release.statements.filter((statement) => statement.subject === digest).map(statementNode);
  const platforms = manifest.platforms.map((entry): TreeNode => ({
    label: `${entry.platform} ${entry.digest}`,
    children: [
      {
        label: `Nix artifact ${entry.storePath}`,
        children: [
          {
            label: `NAR hash ${entry.narHash} (${recomputed.includes(entry.platform) ? "recomputed from the registry's blobs" : "claimed by the manifest"})`,
            children: [],
          },
        ],
      },
      ...rebuilds.filter(({ digest }) => digest === entry.digest).map(rebuildsNode),
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
      ...exceptions.map((exception): TreeNode => ({ label: `exception of the policy: ${exception}`, children: [] })),
      ...about(release.digest),
      ...(release.tee === undefined ? [] : [teeNode(release.tee)]),
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
