import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { compile } from "../../src/core/compile/validating-admission-policy/compile.ts";
import type { Digest } from "../../src/core/oci/digest.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { requireProviders } from "../../src/core/require-providers.ts";
import { imageReleases, toState } from "./args.ts";
import type { ReleaseSet } from "./args.ts";
import { placementOf } from "./settings.ts";
import type { AdmissionPoliciesSettings } from "./settings.ts";

export interface AdmissionPoliciesArgs {
  /** The cluster's name in the stack's configuration. */
  readonly cluster: string;
  /** The policy that the releases were verified under. */
  readonly policy: TrustPolicy;
  /** The stack's settings, parsed by `admissionPoliciesSettingsSchema`. */
  readonly settings: AdmissionPoliciesSettings;
  /** One per image, plain: a release inside an Output can't be told from a copy, and is refused. */
  readonly releases: readonly ReleaseSet[];
  /** The time of this run: exceptions that have ended by then are left out. */
  readonly now: Date;
}

/** Options of a component, with the provider spelt out: the default one would take whatever kubeconfig lies around. */
export type AdmissionPoliciesOptions = pulumi.ComponentResourceOptions & { provider: kubernetes.Provider };

/**
 * The native admission baseline in one cluster: policies that refuse every image but the listed digests, and the list,
 * which is made from verified releases only.
 */
export class AdmissionPolicies extends pulumi.ComponentResource {
  /** Names of the ValidatingAdmissionPolicy objects. */
  readonly policyNames: pulumi.Output<string[]>;
  /** Names of the ValidatingAdmissionPolicyBinding objects. */
  readonly bindingNames: pulumi.Output<string[]>;
  /** namespace/name of the ConfigMap that holds the list. */
  readonly list: pulumi.Output<string>;
  /** SHA-256 of the list's RFC 8785 form; equal in clusters that admit the same. */
  readonly listDigest: pulumi.Output<Digest>;

  constructor(name: string, args: AdmissionPoliciesArgs, opts: AdmissionPoliciesOptions) {
    requireProviders("AdmissionPolicies", opts, ["kubernetes"]);
    const placement = placementOf(args.settings, args.cluster);
    const releases = imageReleases(args.policy, args.releases, { dryRun: pulumi.runtime.isDryRun() });
    const baseline = compile(args.policy, releases, args.now, placement);
    super(
      "neko-trust:admission:AdmissionPolicies",
      name,
      toState(args.policy, args.cluster, placement, baseline),
      opts,
    );
    for (const { code, image, effect } of baseline.omissions) {
      void pulumi.log.warn(`${image} is not in the list (${code}). ${effect}`, this);
    }
    const namespace = new kubernetes.core.v1.Namespace(
      `${name}-namespace`,
      { metadata: baseline.namespace.metadata },
      { parent: this },
    );
    const list = new kubernetes.core.v1.ConfigMap(
      `${name}-list`,
      { metadata: baseline.parameters.metadata, data: baseline.parameters.data },
      { parent: this, dependsOn: [namespace] },
    );
    const policies = baseline.policies.map(
      (object) =>
        new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicy(
          childName(name, placement.name, object.metadata.name),
          { metadata: object.metadata, spec: object.spec },
          { parent: this },
        ),
    );
    // Last made and first destroyed: a binding without its list refuses everything.
    const bindings = baseline.bindings.map(
      (object) =>
        new kubernetes.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
          `${childName(name, placement.name, object.metadata.name)}-binding`,
          { metadata: object.metadata, spec: object.spec },
          { parent: this, dependsOn: [list, ...policies] },
        ),
    );
    this.policyNames = pulumi.all(policies.map((policy) => policy.metadata.name));
    this.bindingNames = pulumi.all(bindings.map((binding) => binding.metadata.name));
    this.list = pulumi.interpolate`${list.metadata.namespace}/${list.metadata.name}`;
    this.listDigest = pulumi.output(baseline.listDigest);
    this.registerOutputs({
      policyNames: this.policyNames,
      bindingNames: this.bindingNames,
      list: this.list,
      listDigest: this.listDigest,
    });
  }
}

/** `neko-trust-admission-pods` of placement `neko-trust-admission` → `<component>-pods`. */
function childName(component: string, prefix: string, objectName: string): string {
  return `${component}${objectName.slice(prefix.length)}`;
}
