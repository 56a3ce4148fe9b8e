/** What belongs at a place of a stack's file, for whoever fills it in. */

interface Described {
  /** Matched against the path without positions: `policy.signers.repositoryId`. */
  readonly path: RegExp;
  readonly says: string;
}

/** The first that matches counts: whole paths before single keys. */
const descriptions: readonly Described[] = [
  { path: /^githubToken$/, says: "a GitHub token with the permissions that docs/getting-started.md lists" },
  {
    path: /^(?:signerRelease\.)?policy\.images(?:\.(?:repository|mirrors))?$/,
    says: "registry and path of the image, as ghcr.io/owner/name",
  },
  {
    path: /^(?:signerRelease\.)?policy\.signers\.(?:repository|.*Workflow\.repository)$/,
    says: "owner/name of the repository that signs",
  },
  { path: /^(?:signerRelease\.)?policy\.signers\.issuer$/, says: "the issuer of the signer's identity tokens" },
  {
    path: /^(?:signerRelease\.)?policy\.(?:provenance\.builderIds|rebuilds)/,
    says: "who builds, as the provenance names it",
  },
  { path: /^signerRelease\.(?:disk|retainedDisks)/, says: "where the disk lies that the signer's release names" },
  { path: /^keyBroker\.tee\.mrtd/, says: "MRTD of Google's firmware, as its launch endorsement has it" },
  { path: /^keyBroker\.tee\.rtmr0/, says: "RTMR0 of the machine type, replayed from the event log of a first boot" },
  { path: /^keyBroker\.tee\.platforms/, says: "PPID of a platform that may get the credential, from a first quote" },
  {
    path: /\.apiServer\.cidrs$/,
    says: "the API server's own addresses: kubectl get endpointslices -l kubernetes.io/service-name=kubernetes",
  },
  { path: /\.postgres\.peers\.cidr$/, says: "the range that the key broker's Postgres is in" },
  { path: /\.cidrs?$/, says: "a range of addresses, as 10.20.0.0/24" },
  { path: /\.gateway\.(?:name|namespace)$/, says: "the Gateway of your cluster: kubectl get gateways -A" },
  { path: /\.network\.clients\./, says: "namespace and label of the pods that bring requests from the Gateway" },
  { path: /\.collateral\./, says: "where the cache of Intel's collateral (PCCS) runs, or Intel's own address" },
  { path: /\.notificationChannels$/, says: "who is told: gcloud beta monitoring channels list" },
  { path: /\.egress\.hosts$/, says: "the key broker's host name" },
  {
    path: /^policy\.tee\./,
    says: "what machines and signers attested signatures may come from, see docs/confidential-signer.md",
  },
  {
    path: /^(?:releases|signerRelease)\.(?:current|retained)$/,
    says: "digest of a verified release: neko-trust release set STACK REFERENCE",
  },
  {
    path: /^releases\.image$|^admissionPolicies\..*[iI]mage/,
    says: "registry and path of the image, as the policy has it",
  },
  { path: /\.?roots\.sigstore\.sha256$/, says: "SHA-256 of trusted_root.json: neko-trust root update STACK" },
  { path: /(?:^|\.)githubOwner$/, says: "the GitHub organisation or user that owns the repository" },
  { path: /(?:^|\.)kubeconfig$/, says: "path of a kubeconfig file" },
  { path: /(?:^|\.)context$/, says: "name of a context in the kubeconfig: kubectl config get-contexts" },
  { path: /(?:^|\.)repositoryId$/, says: "GitHub's id of the repository: gh api repos/OWNER/NAME --jq .id" },
  {
    path: /(?:^|\.)(?:ownerId|organi[sz]ationId)$/,
    says: "GitHub's id of the owner: gh api users/OWNER --jq .id",
  },
  { path: /(?:^|\.)(?:appId|clientId)$/, says: "id of the GitHub App, from its settings page" },
  {
    path: /(?:^|\.)installationId$/,
    says: "id of the GitHub App's installation: the number at the end of its address in the owner's settings",
  },
  {
    path: /(?:^|\.)teamIds?$|[rR]eviewers/,
    says: "GitHub's id or name of who reviews: gh api orgs/OWNER/teams/NAME --jq .id",
  },
  {
    path: /(?:^|\.)(?:projectNumber|project\.number)$/,
    says: "number of the Google Cloud project: gcloud projects describe ID --format='value(projectNumber)'",
  },
  { path: /(?:^|\.)(?:project|projectId|gcpProject)$/, says: "id of the Google Cloud project: gcloud projects list" },
  { path: /(?:^|\.)(?:region|zone|location)$/, says: "where in Google Cloud: gcloud compute zones list" },
  { path: /(?:^|\.)bucket$/, says: "name of a Cloud Storage bucket" },
  { path: /(?:^|\.)(?:keyRing|kmsKey|cryptoKey|key)$/, says: "a key in Cloud KMS: gcloud kms keys list" },
  {
    path: /(?:^|\.)(?:serviceAccount|email)$/,
    says: "e-mail address of a service account: gcloud iam service-accounts list",
  },
  { path: /(?:^|\.)(?:host|hostname|dnsName|domain|url|address|endpoint)$/, says: "a host name or address of yours" },
  { path: /(?:sha256|[dD]igest)$/, says: "a SHA-256 digest, as sha256: and 64 hex digits" },
  { path: /(?:^|\.)commit$/, says: "a full commit" },
  { path: /(?:^|\.)repository$/, says: "owner/name of a repository, or registry and path of an image" },
  { path: /(?:^|\.|[a-z])[iI]ds?$/, says: "an id that the other side gave" },
];

/** One line: what belongs there. */
export function describeSetting(path: readonly (string | number)[]): string {
  const plain = path.filter((part) => typeof part === "string").join(".");
  return descriptions.find((entry) => entry.path.test(plain))?.says ?? "a value of yours";
}
