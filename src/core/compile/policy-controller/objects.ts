import type { ObjectMeta } from "../validating-admission-policy/objects.ts";

/** ClusterImagePolicy of policy.sigstore.dev/v1beta1 (policy-controller 0.13 to 0.15), as far as it is used. */
export interface ClusterImagePolicyObject {
  apiVersion: "policy.sigstore.dev/v1beta1";
  kind: "ClusterImagePolicy";
  metadata: ObjectMeta;
  spec: {
    mode: "warn" | "enforce";
    images: { glob: string }[];
    authorities: Authority[];
  };
}

export type Authority = KeylessAuthority | StaticAuthority;

export interface KeylessAuthority {
  name: string;
  signatureFormat: "bundle";
  keyless: {
    url: string;
    identities: [{ issuer: string; subject?: string; subjectRegExp?: string }];
    trustRootRef?: string;
  };
  ctlog: { url: string; trustRootRef?: string };
  attestations: { name: string; predicateType: string; policy?: { type: "cue"; data: string } }[];
}

export interface StaticAuthority {
  name: string;
  static: { action: "pass" } | { action: "fail"; message: string };
}

/** The entry of ConfigMap config-sigstore-keys that holds a private root. */
export interface SigstoreKeysEntry {
  readonly configMap: "config-sigstore-keys";
  readonly key: string;
  readonly value: string;
}
