import * as kubernetes from "@pulumi/kubernetes";
import { imageReleases } from "../../components/admission-policies/args.ts";
import { placementOf } from "../../components/admission-policies/settings.ts";
import { clusterProviders } from "../../src/config/providers.ts";
import type { StackConfig } from "../../src/config/stack-config.ts";
import { compile } from "../../src/core/compile/validating-admission-policy/compile.ts";
import type { Program } from "../../src/engine/program.ts";
import { planReleases } from "../../src/operations/verify-releases.ts";

/**
 * What the least program would be that provisions the same: no configuration to read, no components, every argument
 * computed beforehand. The resources, their arguments, their order and their providers are those of AdmissionPolicies.
 */
export function bareProgram(config: StackConfig, checkout: string): Program {
  const settings = config.admissionPolicies;
  if (settings === undefined) throw new Error("the stack has no admissionPolicies");
  const releases = imageReleases(config.policy, planReleases(config), { dryRun: true });
  const baselines = config.clusters.map(({ name }) =>
    compile(config.policy, releases, new Date(), placementOf(settings, name)),
  );
  return () => {
    const { core, admissionregistration } = kubernetes;
    clusterProviders(config, { checkout, offline: true }).forEach(({ name: cluster, provider }, position) => {
      const baseline = baselines[position];
      if (baseline === undefined) throw new Error(`cluster ${cluster} has no baseline`);
      const name = `admission-${cluster}`;
      const namespace = new core.v1.Namespace(
        `${name}-namespace`,
        { metadata: baseline.namespace.metadata },
        { provider },
      );
      const list = new core.v1.ConfigMap(
        `${name}-list`,
        { metadata: baseline.parameters.metadata, data: baseline.parameters.data },
        { provider, dependsOn: [namespace] },
      );
      const policies = baseline.policies.map(
        ({ metadata, spec }, number) =>
          new admissionregistration.v1.ValidatingAdmissionPolicy(
            `${name}-policy-${number}`,
            { metadata, spec },
            { provider },
          ),
      );
      baseline.bindings.forEach(
        ({ metadata, spec }, number) =>
          new admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            `${name}-binding-${number}`,
            { metadata, spec },
            { provider, dependsOn: [list, ...policies] },
          ),
      );
    });
    return Promise.resolve({});
  };
}
