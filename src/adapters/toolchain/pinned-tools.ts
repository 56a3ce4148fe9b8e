import type { PinnedTool } from "./tool.ts";

const stripped = "-s -w";

const pulumi: PinnedTool = {
  name: "pulumi",
  version: "v3.259.0",
  module: "tools/pulumi",
  package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  // The Automation API expects `<root>/bin/pulumi`, and without the version it can't tell what the engine supports.
  binary: "bin/pulumi",
  linkerFlags: `${stripped} -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0`,
  usually: "3 to 5 minutes the first time",
};

const etcd: PinnedTool = {
  name: "etcd",
  version: "v3.7.3",
  module: "tools/etcd",
  package: "go.etcd.io/etcd/server/v3",
  binary: "etcd",
  linkerFlags: stripped,
  usually: "half a minute the first time",
};

/** `crane`: its `registry serve` answers 404 on the referrers API, as GHCR does. Its manifests live in memory only. */
const registry: PinnedTool = {
  name: "registry",
  version: "v0.22.1",
  module: "tools/registry",
  package: "github.com/google/go-containerregistry/cmd/crane",
  binary: "crane",
  linkerFlags: stripped,
  usually: "10 seconds the first time",
};

/** The same registry with the referrers API (`--referrers=false` turns it off), whose manifests survive a restart. */
const registryWithReferrers: PinnedTool = {
  name: "registry-with-referrers",
  version: "v0.22.1",
  module: "tools/registry",
  package: "./referrers",
  binary: "registry-with-referrers",
  linkerFlags: stripped,
  usually: "10 seconds the first time",
};

const cosign: PinnedTool = {
  name: "cosign",
  version: "v3.1.3",
  module: "tools/cosign",
  package: "github.com/sigstore/cosign/v3/cmd/cosign",
  binary: "cosign",
  linkerFlags: stripped,
  usually: "2 minutes the first time",
};

const kubernetesVersion = "k8s.io/component-base/version";
const kubeApiserver: PinnedTool = {
  name: "kube-apiserver",
  version: "v1.37.2",
  module: "tools/kube-apiserver",
  package: "k8s.io/kubernetes/cmd/kube-apiserver",
  binary: "kube-apiserver",
  // A module build has no version stamped in, and the API server does not start without a sensible one.
  linkerFlags: [
    stripped,
    `-X ${kubernetesVersion}.gitVersion=v1.37.2`,
    `-X ${kubernetesVersion}.gitMajor=1`,
    `-X ${kubernetesVersion}.gitMinor=37`,
  ].join(" "),
  usually: "5 minutes the first time",
};

/** `opa`: judges the Rego that is compiled for the key broker. Trustee evaluates it with regorus, another implementation. */
const opa: PinnedTool = {
  name: "opa",
  version: "v1.22.2",
  module: "tools/opa",
  package: "github.com/open-policy-agent/opa",
  binary: "opa",
  linkerFlags: stripped,
  usually: "1 to 2 minutes the first time",
};

/** The admission webhook of Sigstore's policy-controller, which the cluster tests ask for verdicts. */
const policyController: PinnedTool = {
  name: "policy-controller",
  version: "v0.15.1",
  module: "tools/policy-controller",
  package: "github.com/sigstore/policy-controller/cmd/webhook",
  binary: "policy-controller",
  linkerFlags: stripped,
  usually: "2 to 3 minutes the first time",
};

/** Kyverno's admission controller. */
const kyverno: PinnedTool = {
  name: "kyverno",
  version: "v1.19.1",
  module: "tools/kyverno",
  package: "github.com/kyverno/kyverno/cmd/kyverno",
  binary: "kyverno",
  linkerFlags: stripped,
  usually: "4 to 6 minutes the first time",
};

/** Gatekeeper's engine without a cluster: `gator test` judges objects by templates and constraints. */
const gator: PinnedTool = {
  name: "gator",
  version: "v3.23.1",
  module: "tools/gatekeeper",
  package: "github.com/open-policy-agent/gatekeeper/v3/cmd/gator",
  binary: "gator",
  linkerFlags: stripped,
  usually: "1 to 2 minutes the first time",
};

/** Renders the charts that lie in Go modules. */
const helm: PinnedTool = {
  name: "helm",
  version: "v4.3.1",
  module: "tools/helm",
  package: "helm.sh/helm/v4/cmd/helm",
  binary: "helm",
  linkerFlags: stripped,
  usually: "2 minutes the first time",
};

/** Checks the workflows of .github: expressions, contexts, permissions and, with shellcheck on PATH, their scripts. */
const actionlint: PinnedTool = {
  name: "actionlint",
  version: "v1.7.12",
  module: "tools/actionlint",
  package: "github.com/rhysd/actionlint/cmd/actionlint",
  binary: "actionlint",
  linkerFlags: stripped,
  usually: "10 seconds the first time",
};

/** Every tool that is built from source, at the version that its `tools/<name>/go.mod` pins (a test compares them). */
export const pinnedTools = {
  pulumi,
  etcd,
  registry,
  registryWithReferrers,
  cosign,
  kubeApiserver,
  policyController,
  kyverno,
  gator,
  helm,
  opa,
  actionlint,
} as const;
