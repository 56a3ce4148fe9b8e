import type { NamespaceSelector } from "../namespace-scope.ts";
import type { ObjectMeta, RuleWithOperations } from "../validating-admission-policy/objects.ts";

/** ImageValidatingPolicy of policies.kyverno.io/v1 (Kyverno 1.17 and newer), as far as it is used. */
export interface ImageValidatingPolicyObject {
  apiVersion: "policies.kyverno.io/v1";
  kind: "ImageValidatingPolicy";
  metadata: ObjectMeta;
  spec: {
    failurePolicy: "Fail" | "Ignore";
    validationActions: ("Deny" | "Warn" | "Audit")[];
    webhookConfiguration: { timeoutSeconds: number };
    evaluation: { background: { enabled: false } };
    matchConstraints: { resourceRules: RuleWithOperations[]; namespaceSelector: NamespaceSelector };
    matchConditions: { name: string; expression: string }[];
    matchImageReferences: { expression: string }[];
    validationConfigurations: { mutateDigest: false; verifyDigest: true; required: true };
    credentials?: { secrets?: string[]; providers?: RegistryProvider[] };
    variables: { name: string; expression: string }[];
    attestors: CosignAttestor[];
    attestations: { name: string; intoto: { type: string } }[];
    validations: { expression: string; message: string; reason?: "Forbidden" }[];
  };
}

/** Where Kyverno takes registry credentials from. */
export type RegistryProvider = "default" | "amazon" | "azure" | "google" | "github";

export interface CosignAttestor {
  /** A CEL identifier. */
  name: string;
  cosign: {
    keyless: { identities: [{ issuer: string; subject?: string; subjectRegExp?: string }] };
    ctlog: { url: string; tsaCertChain?: string };
    trustedRoot: { value: string };
    tuf?: { mirror: string; root: { data: string } };
  };
}
