/** Settings of GhcrRepository before they are parsed: change a copy to test what the schema refuses. */
export const ghcrRepositoryFields = {
  name: "neko",
  description: "A self-hosted virtual browser.",
  visibility: "public",
  topics: ["webrtc", "nix"],
  features: { issues: true, projects: false, wiki: false, discussions: true },
  merge: ["squash"],
  secretScanning: true,
  defaultBranch: {
    approvals: 1,
    codeOwners: true,
    signedCommits: true,
    linearHistory: true,
    checks: [{ context: "test", integration: 15368 }, { context: "lint" }],
    bypass: [],
  },
  tags: { immutable: ["refs/tags/v*"], bypass: [], creators: [{ type: "RepositoryRole", id: 5 }] },
  actions: {
    githubOwned: true,
    verifiedCreators: false,
    patterns: ["m1k1o/neko/*", "cachix/install-nix-action@*"],
    pullRequests: false,
  },
  oidc: { subjectClaims: ["repository_owner_id", "repository_id", "job_workflow_ref"] },
  onDestroy: "keep",
};
