import type { NamespaceSelector } from "../namespace-scope.ts";
import type { ObjectMeta } from "../validating-admission-policy/objects.ts";

/** ConstraintTemplate of templates.gatekeeper.sh/v1 with the CEL engine (Gatekeeper 3.18 and newer), as far as it is used. */
export interface ConstraintTemplateObject {
  apiVersion: "templates.gatekeeper.sh/v1";
  kind: "ConstraintTemplate";
  metadata: ObjectMeta;
  spec: {
    crd: {
      spec: {
        names: { kind: typeof constraintKind };
        validation: { openAPIV3Schema: Record<string, unknown> };
      };
    };
    targets: [{ target: "admission.k8s.gatekeeper.sh"; code: [{ engine: "K8sNativeValidation"; source: CelSource }] }];
  };
}

interface CelSource {
  failurePolicy: "Fail";
  /** The native baseline is that already. */
  generateVAP: false;
  variables: { name: string; expression: string }[];
  validations: { expression: string; message: string; messageExpression: string }[];
}

export const constraintKind = "NekoTrustImages";

export interface ConstraintObject {
  apiVersion: "constraints.gatekeeper.sh/v1beta1";
  kind: typeof constraintKind;
  metadata: ObjectMeta;
  spec: {
    enforcementAction: "deny" | "warn";
    match: {
      scope: "Namespaced";
      kinds: { apiGroups: string[]; kinds: string[] }[];
      namespaceSelector?: NamespaceSelector;
    };
    /** As in the baseline's ConfigMap: `sha256-<hex>` → lines of `registry/path`, or `registry/path namespace`. */
    parameters: { images: Record<string, string> };
  };
}
