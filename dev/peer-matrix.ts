import { notice, table } from "./reference-pages.ts";

/**
 * What was made by whom and judged by whom, each row by a test that runs both. test/architecture/peer-matrix.test.ts holds every
 * row against the test that it names.
 */
export interface PeerRow {
  readonly made: string;
  readonly by: string;
  readonly judgedBy: string;
  readonly verdict: "accepted" | "refused" | "equal";
  /** Below test/, and the beginning of the test's name. */
  readonly test: readonly [file: string, name: string];
}

const ours = "neko-trust";
const cosign = "cosign 3.1.3";

export const peerMatrix: readonly PeerRow[] = [
  ...([1, 2] as const).flatMap((rekor): PeerRow[] => [
    {
      made: `image signature, keyless, Rekor v${rekor}`,
      by: cosign,
      judgedBy: `${ours} verify-image`,
      verdict: "accepted",
      test: ["peers/cosign-made.test.ts", "made by cosign sign (Rekor v${rekor})"],
    },
    {
      made: `provenance and SBOM, keyless, Rekor v${rekor}`,
      by: cosign,
      judgedBy: `${ours} verify-image`,
      verdict: "accepted",
      test: ["peers/cosign-made.test.ts", "made by cosign attest (Rekor v${rekor})"],
    },
    {
      made: `statements of the lab, Rekor v${rekor}`,
      by: ours,
      judgedBy: `${cosign} verify, verify-attestation`,
      verdict: "accepted",
      test: ["peers/cosign-verify.test.ts", "cosign and this verifier agree on an image signed with Rekor v${log}"],
    },
  ]),
  {
    made: "provenance of the other platform",
    by: cosign,
    judgedBy: `${ours} verify-image`,
    verdict: "refused",
    test: ["peers/cosign-made.test.ts", "made by cosign attest for another image"],
  },
  {
    made: "image signature of the older form (tag .sig)",
    by: cosign,
    judgedBy: `${ours} verify-image, policy without legacySignatures`,
    verdict: "refused",
    test: ["peers/cosign-made.test.ts", "made by cosign sign in its older form"],
  },
  {
    made: "image signature of the older form (tag .sig)",
    by: cosign,
    judgedBy: `${ours} verify-image, policy with legacySignatures: allow`,
    verdict: "accepted",
    test: ["peers/cosign-made.test.ts", "made by cosign sign in its older form"],
  },
  {
    made: "image signature, keyless, both versions of Rekor",
    by: `${ours} sign-image`,
    judgedBy: `${cosign} verify`,
    verdict: "accepted",
    test: ["peers/cosign-sign.test.ts", "cosign verifies what sign-image signed with"],
  },
  {
    made: "image signature, with a key of cosign's making",
    by: `${ours} sign-image --key`,
    judgedBy: `${cosign} verify --key`,
    verdict: "accepted",
    test: ["peers/cosign-sign.test.ts", "cosign verifies what a key of its own making signed"],
  },
  {
    made: "provenance, SBOM and manifest",
    by: `${ours} attest-image`,
    judgedBy: `${cosign} verify-attestation`,
    verdict: "accepted",
    test: ["peers/cosign-sign.test.ts", "cosign verifies what attest-image attached"],
  },
  {
    made: "bundles of a managed key: right key, wrong key, another artifact",
    by: ours,
    judgedBy: `${cosign} verify-blob --key and ${ours} verify-bundle --key`,
    verdict: "equal",
    test: ["peers/cosign-keyed.test.ts", "cosign and verifyBundle agree on bundles of a managed key"],
  },
  {
    made: "a whole release, by the first plan's checklist",
    by: ours,
    judgedBy: `${cosign}; ${ours} verify-image`,
    verdict: "accepted",
    test: ["peers/checklist.test.ts", "every line of the verification checklist"],
  },
  {
    made: "bundles of GitHub's attest action, public-good Sigstore",
    by: "actions/attest",
    judgedBy: `${ours} verify-bundle`,
    verdict: "accepted",
    test: ["unit/core/sigstore/verify-bundle-vectors.test.ts", "accepts ${sample.title} under the production root"],
  },
  {
    made: "NAR hashes of trees",
    by: ours,
    judgedBy: "nix hash path",
    verdict: "equal",
    test: ["peers/nix-hash.test.ts", "hashes trees at random as nix hash path does"],
  },
  {
    made: "NARs recomputed from a registry's blobs (--deep)",
    by: ours,
    judgedBy: "nix hash path of the layout on disk",
    verdict: "equal",
    test: ["peers/evidence-crane.test.ts", "the NARs that are recomputed from blobs"],
  },
  {
    made: "20 referrers attached at once",
    by: ours,
    judgedBy: "crane's registry (as GHCR) and one with the referrers API",
    verdict: "accepted",
    test: ["peers/registry-crane.test.ts", "20 attachments at once in one process lose nothing"],
  },
];

/** docs/generated/peer-matrix.md */
export function peerMatrixPage(): string {
  const rows = peerMatrix.map(({ made, by, judgedBy, verdict, test: [file] }) => [
    made,
    by,
    judgedBy,
    verdict,
    `\`test/${file}\``,
  ]);
  return `${notice}

# Made by, judged by

Peers as judges: each row is a test that really runs both. The tests are skipped, with the reason, where a peer can't be had. Source:
\`dev/peer-matrix.ts\`.

${table(["What", "Made by", "Judged by", "Verdict", "Test"], rows)}
`;
}
