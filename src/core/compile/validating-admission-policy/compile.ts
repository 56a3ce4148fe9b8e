import { Failure } from "../../failure.ts";
import { digestOf } from "../../oci/digest.ts";
import type { Digest } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { namespaceSelector } from "../namespace-scope.ts";
import type { NamespaceScope } from "../namespace-scope.ts";
import { shapes, validationsOf, variablesOf } from "./expressions.ts";
import type { Shape } from "./expressions.ts";
import { admittedImages } from "./image-list.ts";
import type { ImageRelease, ListedImage, Omission } from "./image-list.ts";
import type {
  AdmissionPolicyBindingObject,
  AdmissionPolicyObject,
  NamespaceObject,
  ObjectMeta,
  ParametersObject,
} from "./objects.ts";

/** Where and how the baseline is put into one cluster. */
export interface Placement {
  /** Starts the name of every cluster-wide object. */
  readonly name: string;
  /** Holds the list; whoever may write ConfigMaps there decides what runs (RBAC guards it, admission can't). */
  readonly namespace: string;
  /** `warn` reports and admits, also when a part is missing; `enforce` refuses, also when a part is missing. */
  readonly rollout: "warn" | "enforce";
  readonly scope: NamespaceScope;
}

export interface AdmissionBaseline {
  readonly namespace: NamespaceObject;
  readonly parameters: ParametersObject;
  readonly policies: readonly AdmissionPolicyObject[];
  /** One per policy, in the same order. */
  readonly bindings: readonly AdmissionPolicyBindingObject[];
  readonly images: readonly ListedImage[];
  /** What was offered but may not run, with the reason; never silent. */
  readonly omissions: readonly Omission[];
  /** SHA-256 of the list's RFC 8785 form: equal lists have equal digests. */
  readonly listDigest: Digest;
}

/** The API server takes objects up to 1 MiB; the rest is room for metadata and managed fields. */
const maxListBytes = 900_000;

/**
 * TrustPolicy and releases → the native admission baseline. Pure: the same input gives the same objects, byte for byte.
 * Throws RELEASE_IMAGE_UNKNOWN, RELEASE_REVOKED, ADMISSION_LIST_TOO_LARGE.
 */
export function compile(
  policy: TrustPolicy,
  releases: readonly ImageRelease[],
  now: Date,
  placement: Placement,
): AdmissionBaseline {
  const { images, omissions } = admittedImages(policy, releases, now);
  const { data, listDigest } = imageListData(images);
  const labels = { "app.kubernetes.io/managed-by": "neko-trust", "app.kubernetes.io/part-of": placement.name };
  const listName = `${placement.name}-images`;
  const policies = shapes.map((shape) => admissionPolicy(shape, placement, listName, labels));
  return {
    namespace: { apiVersion: "v1", kind: "Namespace", metadata: { name: placement.namespace, labels: { ...labels } } },
    parameters: {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: listName,
        namespace: placement.namespace,
        labels: { ...labels },
        annotations: { "neko-trust/list-digest": listDigest, "neko-trust/policy": policy.name },
      },
      data,
    },
    policies,
    bindings: policies.map((object) => binding(object, placement, listName, labels)),
    images,
    omissions,
    listDigest,
  };
}

/**
 * `sha256-<hex>` → one line per repository, `registry/path` or `registry/path namespace`; sorted, with its digest.
 * Throws ADMISSION_LIST_TOO_LARGE.
 */
export function imageListData(images: readonly ListedImage[]): { data: Record<string, string>; listDigest: Digest } {
  const lines = new Map<string, string[]>();
  for (const image of images) {
    const key = image.digest.replace(":", "-");
    const line = image.namespace === undefined ? image.repository : `${image.repository} ${image.namespace}`;
    const known = lines.get(key);
    if (known === undefined) lines.set(key, [line]);
    else known.push(line);
  }
  const sorted = [...lines].sort(([left], [right]) => (left < right ? -1 : 1));
  const data = Object.fromEntries(sorted.map(([key, values]) => [key, values.sort().join("\n")]));
  // Keys are sorted ASCII and values are strings, so this is the RFC 8785 form already.
  const json = JSON.stringify(data);
  if (json.length > maxListBytes) throw tooLarge(images.length, json.length);
  return { data, listDigest: digestOf(json) };
}

function admissionPolicy(
  shape: Shape,
  placement: Placement,
  listName: string,
  labels: ObjectMeta["labels"],
): AdmissionPolicyObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: `${placement.name}-${shape.suffix}`, labels: { ...labels } },
    spec: {
      failurePolicy: placement.rollout === "enforce" ? "Fail" : "Ignore",
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConstraints: { matchPolicy: "Equivalent", resourceRules: structuredClone([...shape.rules]) },
      variables: variablesOf(shape),
      validations: validationsOf(`${placement.namespace}/${listName}`),
    },
  };
}

function binding(
  object: AdmissionPolicyObject,
  placement: Placement,
  listName: string,
  labels: ObjectMeta["labels"],
): AdmissionPolicyBindingObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: object.metadata.name, labels: { ...labels } },
    spec: {
      policyName: object.metadata.name,
      paramRef: { name: listName, namespace: placement.namespace, parameterNotFoundAction: "Deny" },
      // Deny and Warn together are refused by Kubernetes; Audit leaves a line in the audit log in both.
      validationActions: placement.rollout === "enforce" ? ["Deny", "Audit"] : ["Warn", "Audit"],
      matchResources: { namespaceSelector: namespaceSelector(placement.scope) },
    },
  };
}

function tooLarge(count: number, bytes: number): Failure {
  return new Failure({
    code: "ADMISSION_LIST_TOO_LARGE",
    kind: "usage",
    message: `The list of ${count} admitted images takes ${bytes} bytes; one Kubernetes object holds ${maxListBytes}.`,
    remedy: "Retain fewer releases, or split the images over several policies and clusters.",
  });
}
