import { Failure } from "../failure.ts";
import { compile as compileGatekeeper } from "./gatekeeper/compile.ts";
import { support as gatekeeper } from "./gatekeeper/support.ts";
import { compilePolicies as compileBrokerPolicies } from "./key-broker/compile.ts";
import { support as keyBroker } from "./key-broker/support.ts";
import { compile as compileKyverno } from "./kyverno/compile.ts";
import { support as kyverno } from "./kyverno/support.ts";
import { compile as compilePolicyController } from "./policy-controller/compile.ts";
import { support as policyController } from "./policy-controller/support.ts";
import type { CompileTargetName } from "./target-names.ts";
import { rootsOf } from "./target.ts";
import type { CompileTarget, TargetInput } from "./target.ts";
import { compile as compileBaseline } from "./validating-admission-policy/compile.ts";
import type { Omission } from "./validating-admission-policy/image-list.ts";
import { support as validatingAdmissionPolicy } from "./validating-admission-policy/support.ts";
import { compile as compileWorkloadIdentity } from "./workload-identity/compile.ts";
import { support as workloadIdentity } from "./workload-identity/support.ts";

function omitted(omissions: readonly Omission[]): string[] {
  return omissions.map(({ code, image, effect }) => `${image} is not in the list (${code}). ${effect}`);
}

function messages(weaknesses: readonly { readonly message: string }[]): string[] {
  return weaknesses.map(({ message }) => message);
}

/**
 * Every target. `compile-policy`, the support matrix and the generated policy files read this; to add one, put its name into
 * target-names.ts and its entry here.
 */
export const compileTargets: Readonly<Record<CompileTargetName, CompileTarget>> = {
  vap: {
    title: "ValidatingAdmissionPolicy",
    kind: "admission",
    summary: "the native admission baseline: the list of verified digests, and policies that refuse all others",
    folder: "validating-admission-policy",
    needs: ["releases"],
    support: validatingAdmissionPolicy,
    compile: ({ policy, releases, now, placement }) => {
      const baseline = compileBaseline(policy, releases, now, placement);
      const { namespace, parameters, policies, bindings, omissions } = baseline;
      return { documents: [namespace, parameters, ...policies, ...bindings], notes: omitted(omissions) };
    },
  },
  kyverno: {
    title: "Kyverno",
    kind: "admission",
    summary: "an ImageValidatingPolicy that verifies signatures and release manifests",
    folder: "kyverno",
    needs: ["root"],
    support: kyverno,
    compile: (input) => {
      const { policies, weaknesses } = compileKyverno(input.policy, rootsOf(input), input.placement);
      return { documents: policies, notes: messages(weaknesses) };
    },
  },
  "policy-controller": {
    title: "policy-controller",
    kind: "admission",
    summary: "ClusterImagePolicies that verify signatures and release manifests",
    folder: "policy-controller",
    needs: ["root"],
    support: policyController,
    compile: compileForPolicyController,
  },
  gatekeeper: {
    title: "Gatekeeper",
    kind: "admission",
    summary: "a ConstraintTemplate and a Constraint with the baseline's list",
    folder: "gatekeeper",
    needs: ["releases"],
    support: gatekeeper,
    compile: ({ policy, releases, now, placement }) => {
      const { template, constraint, omissions } = compileGatekeeper(policy, releases, now, placement);
      return { documents: [template, constraint], notes: omitted(omissions) };
    },
  },
  "workload-identity": {
    title: "Workload identity (Google Cloud)",
    kind: "configuration",
    summary: "providers of a workload identity pool: one for each signer, and whom they admit",
    folder: "workload-identity",
    needs: [],
    support: workloadIdentity,
    compile: ({ policy }) => {
      const trusted = policy.signers.filter(({ id }) => !policy.revoked.includes(id));
      const builds = trusted.map(({ id }) => ({ use: "build" as const, id: `${id}-build`, signer: id }));
      return {
        documents: compileWorkloadIdentity(policy, builds),
        notes: [
          "Who plans and applies a stack is no part of a policy: component CiSecrets compiles those providers, too.",
        ],
      };
    },
  },
  "key-broker": {
    title: "Key broker (Trustee)",
    kind: "configuration",
    summary: "attestation policy, resource policy and reference values, and the requests that an administrator posts",
    folder: "key-broker",
    needs: ["broker"],
    support: keyBroker,
    compile: compileForKeyBroker,
  },
};

function compileForKeyBroker({ policy, broker }: TargetInput): ReturnType<CompileTarget["compile"]> {
  if (broker === undefined) {
    throw new Failure({
      code: "COMPILE_BROKER_MISSING",
      kind: "usage",
      message:
        "The key broker's policies are made from its signer's releases and from who may get what; neither was given.",
      remedy:
        "Name a stack that has keyBroker and signerRelease with --stack, or give --policy (the signer's), --trusted-root, --release, " +
        "--tee-rules and --resource.",
    });
  }
  const compiled = compileBrokerPolicies(policy, broker.releases, broker);
  const request = (name: string): object => {
    const { path, body } = compiled.requests.find((one) => one.name === name) ?? {};
    return { method: "POST", path, body };
  };
  return {
    documents: [
      {
        name: "attestation-policy",
        id: compiled.attestationPolicyId,
        digest: compiled.attestationPolicyDigest,
        rego: compiled.attestationPolicy,
        request: request("attestation-policy"),
      },
      {
        name: "resource-policy",
        digest: compiled.resourcePolicyDigest,
        resources: compiled.resources,
        rego: compiled.resourcePolicy,
        request: request("resource-policy"),
      },
      {
        name: "reference-values",
        digest: compiled.referenceValuesDigest,
        values: compiled.referenceValues,
        request: request("reference-value"),
      },
    ],
    notes: [
      "Post the requests in this order, each with an administrator's token: under Trustee's own policies nothing may be released in between.",
      ...compiled.warnings,
    ],
  };
}

function compileForPolicyController(input: TargetInput): ReturnType<CompileTarget["compile"]> {
  const { policy, now, placement } = input;
  const { policies, sigstoreKeys, weaknesses } = compilePolicyController(policy, rootsOf(input), now, placement);
  if (sigstoreKeys === undefined) return { documents: policies, notes: messages(weaknesses) };
  const { configMap, key, value } = sigstoreKeys;
  const keys = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: configMap, namespace: "cosign-system" },
    data: { [key]: value },
  };
  const note =
    `ConfigMap ${configMap} belongs to policy-controller: apply it server-side, so that its other entries stay, and restart ` +
    "the webhook, which stops serving when it changes.";
  return { documents: [keys, ...policies], notes: [note, ...messages(weaknesses)] };
}
