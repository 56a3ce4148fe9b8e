/** Why a resource of a plan exists, and which of its properties a reviewer looks at first. */
export interface Purpose {
  readonly purpose: string;
  /** Dotted paths into the resource's inputs, in the order in which they are shown. */
  readonly properties: readonly string[];
}

const of = (purpose: string, ...properties: readonly string[]): Purpose => ({ purpose, properties });
const object = ["metadata.namespace", "metadata.name"];

/** By type token. The components' READMEs say more. */
const purposes: Readonly<Record<string, Purpose>> = {
  "command:local:Command": of(
    "Does at GitHub what its provider has no resource for, and reads it back.",
    ...["create", "update", "delete", "triggers"],
  ),

  "github:index/repository:Repository": of(
    "The repository that builds and publishes the image.",
    ...["name", "visibility", "allowMergeCommit", "archiveOnDestroy"],
  ),
  "github:index/repositoryRuleset:RepositoryRuleset": of(
    "What nobody may do to the default branch or to release tags, and who alone makes those: certificates name them.",
    ...["target", "enforcement", "conditions.refName.includes", "bypassActors", "rules.pullRequest"],
  ),
  "github:index/repositoryVulnerabilityAlerts:RepositoryVulnerabilityAlerts": of(
    "GitHub tells of dependencies with known vulnerabilities.",
    "enabled",
  ),
  "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions": of(
    "Which actions may run: a list, each pinned by commit.",
    ...["allowedActions", "allowedActionsConfig", "shaPinningRequired"],
  ),
  "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions": of(
    "What a workflow's token may do unless the workflow says so.",
    ...["defaultWorkflowPermissions", "canApprovePullRequestReviews"],
  ),
  "github:index/actionsRepositoryOidcSubjectClaimCustomizationTemplate:ActionsRepositoryOidcSubjectClaimCustomizationTemplate":
    of("Tokens name the repository by ids, which nobody else can take over.", "useDefault", "includeClaimKeys"),
  "github:index/repositoryEnvironment:RepositoryEnvironment": of(
    "What stands between a job and what its environment may do.",
    ...["environment", "reviewers", "preventSelfReview", "canAdminsBypass", "deploymentBranchPolicy"],
  ),
  "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy": of(
    "From which branches or tags an environment's jobs may run.",
    ...["environment", "branchPattern", "tagPattern"],
  ),
  "github:index/actionsEnvironmentVariable:ActionsEnvironmentVariable": of(
    "What jobs of an environment are told; nothing secret.",
    ...["environment", "variableName", "value"],
  ),
  "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": of(
    "A secret of an environment, sealed before it is handed on.",
    ...["environment", "secretName", "keyId"],
  ),
  "github:index/actionsRunnerGroup:ActionsRunnerGroup": of(
    "Who may use the runners: listed workflows of one repository.",
    ...["name", "visibility", "restrictedToWorkflows", "selectedWorkflows", "allowsPublicRepositories"],
  ),

  "gcp:projects/service:Service": of("An API that the identities need.", "service", "disableOnDestroy"),
  "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": of(
    "Holds the identities that CI's tokens are exchanged for.",
    ...["project", "workloadIdentityPoolId"],
  ),
  "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": of(
    "Whose tokens are taken, by a condition that is compiled from the trust policy.",
    ...["workloadIdentityPoolProviderId", "oidc.issuerUri", "attributeCondition"],
  ),
  "gcp:serviceaccount/account:Account": of("An identity with just the roles that are granted to it.", "accountId"),
  "gcp:serviceaccount/iAMMember:IAMMember": of("Who may become the account.", "role", "member"),
  "gcp:projects/iAMMember:IAMMember": of("A role in a project.", "project", "role", "member"),
  "gcp:projects/iAMCustomRole:IAMCustomRole": of(
    "The permissions that starting a build machine needs, and no others.",
    ...["roleId", "permissions"],
  ),
  "gcp:secretmanager/secretIamMember:SecretIamMember": of("A role on one secret.", "secretId", "role", "member"),
  "gcp:storage/bucketIAMMember:BucketIAMMember": of(
    "A role on one bucket, or by its condition on some of its objects.",
    ...["bucket", "role", "member", "condition.title"],
  ),
  "gcp:compute/subnetworkIAMMember:SubnetworkIAMMember": of("A role on one subnet.", "subnetwork", "role", "member"),
  "gcp:compute/imageIamMember:ImageIamMember": of("A role on one image.", "image", "role", "member"),
  "gcp:compute/instanceTemplateIamMember:InstanceTemplateIamMember": of("A role on one template.", "role", "member"),

  "gcp:kms/keyRing:KeyRing": of("Holds the keys; Google never deletes one.", "name", "location"),
  "gcp:kms/cryptoKey:CryptoKey": of(
    "Encrypts the signers' disks, or their artifacts.",
    ...["name", "versionTemplate.protectionLevel", "rotationPeriod", "destroyScheduledDuration"],
  ),
  "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": of("Who may use one key, and for what.", "role", "member"),
  "gcp:storage/bucket:Bucket": of(
    "Holds the signer's disk, from which its image is made, or what was approved.",
    ...["name", "publicAccessPrevention", "uniformBucketLevelAccess", "versioning.enabled"],
  ),
  "gcp:storage/bucketObject:BucketObject": of(
    "The signer's disk, as it was hashed against the verified manifest, or what was approved for an environment.",
    "name",
  ),
  "gcp:compute/image:Image": of("What the signer boots.", "name", "guestOsFeatures"),
  "gcp:compute/instance:Instance": of(
    "A signer: a TDX machine without an address of its own.",
    ...["name", "zone", "machineType", "confidentialInstanceConfig", "shieldedInstanceConfig"],
    ...["scheduling.onHostMaintenance", "networkInterfaces", "deletionProtection", "serviceAccount"],
  ),
  "gcp:compute/instanceTemplate:InstanceTemplate": of(
    "What a build machine is made from: one job, then it is deleted.",
    ...["machineType", "scheduling", "shieldedInstanceConfig", "networkInterfaces", "serviceAccount"],
  ),
  "gcp:compute/network:Network": of("A network with no other machines in it.", "name", "autoCreateSubnetworks"),
  "gcp:compute/subnetwork:Subnetwork": of(
    "The machines' addresses.",
    "ipCidrRange",
    "privateIpGoogleAccess",
    "logConfig",
  ),
  "gcp:compute/router:Router": of("Carries the NAT.", "name"),
  "gcp:compute/routerNat:RouterNat": of(
    "The way out for machines without an address.",
    ...["natIpAllocateOption", "sourceSubnetworkIpRangesToNat", "logConfig"],
  ),
  "gcp:compute/route:Route": of("Where packets may go at all.", "destRange", "nextHopGateway"),
  "gcp:compute/firewall:Firewall": of(
    "What build machines may reach; nothing reaches them.",
    ...["direction", "priority", "allows", "denies", "destinationRanges", "sourceRanges"],
  ),
  "gcp:compute/networkFirewallPolicy:NetworkFirewallPolicy": of("Holds the signers' firewall rules.", "name"),
  "gcp:compute/networkFirewallPolicyAssociation:NetworkFirewallPolicyAssociation": of(
    "Puts the rules into force in the network.",
    "name",
  ),
  "gcp:compute/networkFirewallPolicyRule:NetworkFirewallPolicyRule": of(
    "What signers may reach; nothing reaches them.",
    ...["direction", "action", "priority", "match"],
  ),
  "gcp:dns/managedZone:ManagedZone": of("Google's APIs by their private addresses.", "dnsName", "visibility"),
  "gcp:dns/recordSet:RecordSet": of("One of those names.", "name", "type", "rrdatas"),
  "gcp:dns/policy:Policy": of("Writes down which names signers ask for.", "enableLogging"),
  "gcp:logging/metric:Metric": of("Counts the signers' attested heartbeats.", "name", "filter"),
  "gcp:monitoring/alertPolicy:AlertPolicy": of(
    "Tells somebody when a signer no longer attests.",
    ...["displayName", "notificationChannels"],
  ),

  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy": of(
    "The admission baseline: what an image's name must be.",
    ...["metadata.name", "spec.failurePolicy", "spec.paramKind"],
  ),
  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding": of(
    "Where the baseline acts, and how.",
    ...["metadata.name", "spec.validationActions", "spec.paramRef", "spec.matchResources"],
  ),
  "kubernetes:policies.kyverno.io/v1:ImageValidatingPolicy": of(
    "Kyverno verifies the signatures of our images again, at every admission.",
    ...["metadata.name", "spec.validationActions", "spec.failurePolicy", "spec.matchConstraints.namespaceSelector"],
  ),
  "kubernetes:policy.sigstore.dev/v1beta1:ClusterImagePolicy": of(
    "policy-controller verifies one kind of statement about our images, at every admission.",
    ...["metadata.name", "spec.mode", "spec.images", "spec.authorities"],
  ),
  "kubernetes:templates.gatekeeper.sh/v1:ConstraintTemplate": of(
    "The baseline's rules, as Gatekeeper takes them.",
    "metadata.name",
  ),
  "kubernetes:constraints.gatekeeper.sh/v1beta1:NekoTrustImages": of(
    "The baseline's list for Gatekeeper: it refuses the same, and its audit names what runs already.",
    ...["metadata.name", "spec.enforcementAction", "spec.match"],
  ),

  "kubernetes:core/v1:Namespace": of("A namespace of the component's own.", "metadata.name", "metadata.labels"),
  "kubernetes:core/v1:ConfigMap": of("Data that is not secret: a list, a configuration, requests.", ...object),
  "kubernetes:core/v1:ConfigMapPatch": of("The root of one's own Sigstore, beside what the engine has.", ...object),
  "kubernetes:core/v1:Secret": of("Data that is secret, for the pods of its namespace.", ...object, "type"),
  "kubernetes:core/v1:Service": of("The address of pods, inside the cluster.", ...object, "spec.type", "spec.ports"),
  "kubernetes:core/v1:ServiceAccount": of("Who pods are; without a token.", ...object, "automountServiceAccountToken"),
  "kubernetes:core/v1:PersistentVolumeClaim": of("Keeps what the key broker was told.", ...object, "spec.resources"),
  "kubernetes:core/v1:ResourceQuota": of("How much the runners may take.", ...object, "spec.hard"),
  "kubernetes:core/v1:LimitRange": of("What one pod may take.", ...object, "spec.limits"),
  "kubernetes:networking.k8s.io/v1:NetworkPolicy": of(
    "Who may speak to whom; everything else is refused.",
    ...[...object, "spec.policyTypes", "spec.ingress", "spec.egress"],
  ),
  "kubernetes:policy/v1:PodDisruptionBudget": of("Keeps a drain from stopping the broker.", ...object, "spec"),
  "kubernetes:apps/v1:Deployment": of("The key broker's pods.", ...object, "spec.replicas", "spec.strategy"),
  "kubernetes:apps/v1:DeploymentPatch": of("Restarts the engine when that root changes.", ...object),
  "kubernetes:batch/v1:Job": of("Tells the key broker its policies, with a token of minutes.", ...object),
  "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute": of(
    "The way in from outside: a client's three routes, no administrator's.",
    ...[...object, "spec.hostnames"],
  ),
  "kubernetes:gateway.networking.k8s.io/v1:BackendTLSPolicy": of("The gateway verifies the broker.", ...object),
  "kubernetes:helm.sh/v3:Release": of("A pinned chart with hardened values.", "name", "namespace", "chart", "version"),
};

/** The purpose of a type; a type that nobody described throws, so that no resource gets into a plan unexplained. */
export function purposeOf(type: string): Purpose {
  const found = Object.hasOwn(purposes, type) ? purposes[type] : undefined;
  if (found === undefined) throw new Error(`src/report/resource-purposes.ts does not say why ${type} exists`);
  return found;
}
