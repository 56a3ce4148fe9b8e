import type { NamespaceSelector } from "../namespace-scope.ts";

/**
 * The Kubernetes objects of the admission baseline, as far as they are used (API reference v1.37,
 * admissionregistration.k8s.io/v1 and core/v1). Arrays are mutable, as the SDK's input types are.
 */

export interface ObjectMeta {
  name: string;
  namespace?: string;
  labels: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface NamespaceObject {
  apiVersion: "v1";
  kind: "Namespace";
  metadata: ObjectMeta;
}

/** The list: keys are digests (`sha256-<hex>`), values one line per repository that may carry them. */
export interface ParametersObject {
  apiVersion: "v1";
  kind: "ConfigMap";
  metadata: ObjectMeta & { namespace: string };
  data: Record<string, string>;
}

export interface RuleWithOperations {
  apiGroups: string[];
  apiVersions: string[];
  operations: ("CREATE" | "UPDATE")[];
  resources: string[];
  scope: "Namespaced";
}

export interface AdmissionPolicyObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "ValidatingAdmissionPolicy";
  metadata: ObjectMeta;
  spec: {
    failurePolicy: "Fail" | "Ignore";
    paramKind: { apiVersion: "v1"; kind: "ConfigMap" };
    matchConstraints: { matchPolicy: "Equivalent"; resourceRules: RuleWithOperations[] };
    variables: { name: string; expression: string }[];
    validations: { expression: string; message: string; messageExpression: string; reason: "Forbidden" }[];
  };
}

export interface AdmissionPolicyBindingObject {
  apiVersion: "admissionregistration.k8s.io/v1";
  kind: "ValidatingAdmissionPolicyBinding";
  metadata: ObjectMeta;
  spec: {
    policyName: string;
    paramRef: { name: string; namespace: string; parameterNotFoundAction: "Deny" };
    validationActions: ("Deny" | "Warn" | "Audit")[];
    matchResources: { namespaceSelector: NamespaceSelector };
  };
}
