import { support as gatekeeper } from "./gatekeeper/support.ts";
import { support as keyBroker } from "./key-broker/support.ts";
import { support as kyverno } from "./kyverno/support.ts";
import { support as policyController } from "./policy-controller/support.ts";
import type { SupportTable } from "./requirement.ts";
import { support as validatingAdmissionPolicy } from "./validating-admission-policy/support.ts";
import { support as workloadIdentity } from "./workload-identity/support.ts";

/** Something that a TrustPolicy is compiled for. */
export interface CompileTarget {
  /** As people call it: a heading in tables. */
  readonly title: string;
  /** One line: what comes out. */
  readonly summary: string;
  /** The folder below src/core/compile that has its README.md. */
  readonly folder: string;
  readonly support: SupportTable;
}

/** Every target, by the name that `compile-policy --target` takes. The command and the docs read this list. */
export const compileTargets = {
  vap: {
    title: "ValidatingAdmissionPolicy",
    summary: "the native admission baseline: the list of verified digests",
    folder: "validating-admission-policy",
    support: validatingAdmissionPolicy,
  },
  kyverno: {
    title: "Kyverno",
    summary: "an ImageValidatingPolicy that verifies signatures and manifests",
    folder: "kyverno",
    support: kyverno,
  },
  "policy-controller": {
    title: "policy-controller",
    summary: "ClusterImagePolicies that verify signatures and manifests",
    folder: "policy-controller",
    support: policyController,
  },
  gatekeeper: {
    title: "Gatekeeper",
    summary: "a ConstraintTemplate and a Constraint with the baseline's list",
    folder: "gatekeeper",
    support: gatekeeper,
  },
  "key-broker": {
    title: "Key broker (Trustee)",
    summary: "Trustee's configuration, policies and reference values",
    folder: "key-broker",
    support: keyBroker,
  },
  "workload-identity": {
    title: "Workload identity (Google Cloud)",
    summary: "providers of a workload identity pool, and whom they admit",
    folder: "workload-identity",
    support: workloadIdentity,
  },
} as const satisfies Record<string, CompileTarget>;

export type CompileTargetName = keyof typeof compileTargets;
