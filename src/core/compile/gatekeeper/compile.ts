import type { Digest } from "../../oci/digest.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import type { EnginePlacement } from "../engine-input/placement.ts";
import { namespaceSelector } from "../namespace-scope.ts";
import { imageListData } from "../validating-admission-policy/compile.ts";
import { imagesOf, pinnedPattern } from "../validating-admission-policy/expressions.ts";
import { admittedImages } from "../validating-admission-policy/image-list.ts";
import type { ImageRelease, ListedImage, Omission } from "../validating-admission-policy/image-list.ts";
import { constraintKind } from "./objects.ts";
import type { ConstraintObject, ConstraintTemplateObject } from "./objects.ts";

/** As the engines', without what only those that look at statements need. */
export type GatekeeperPlacement = Pick<EnginePlacement, "name" | "rollout" | "scope">;

export interface GatekeeperPolicies {
  /** The same in every cluster: the list is the constraint's. */
  readonly template: ConstraintTemplateObject;
  readonly constraint: ConstraintObject;
  readonly images: readonly ListedImage[];
  readonly omissions: readonly Omission[];
  readonly listDigest: Digest;
}

/**
 * TrustPolicy and releases → a ConstraintTemplate and a Constraint with the baseline's list: the webhook refuses what is not
 * on it, and Gatekeeper's audit names what runs and is not on it. Pure.
 * Throws RELEASE_IMAGE_UNKNOWN, RELEASE_REVOKED, ADMISSION_LIST_TOO_LARGE.
 */
export function compile(
  policy: TrustPolicy,
  releases: readonly ImageRelease[],
  now: Date,
  placement: GatekeeperPlacement,
): GatekeeperPolicies {
  const { images, omissions } = admittedImages(policy, releases, now);
  const { data, listDigest } = imageListData(images);
  const labels = { "app.kubernetes.io/managed-by": "neko-trust", "app.kubernetes.io/part-of": placement.name };
  const selector = namespaceSelector(placement.scope);
  return {
    template: template(labels),
    constraint: {
      apiVersion: "constraints.gatekeeper.sh/v1beta1",
      kind: constraintKind,
      metadata: {
        name: placement.name,
        labels,
        annotations: { "neko-trust/list-digest": listDigest, "neko-trust/policy": policy.name },
      },
      spec: {
        enforcementAction: placement.rollout === "enforce" ? "deny" : "warn",
        match: {
          scope: "Namespaced",
          kinds: [
            { apiGroups: [""], kinds: ["Pod", "ReplicationController"] },
            { apiGroups: ["apps"], kinds: ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"] },
            { apiGroups: ["batch"], kinds: ["CronJob", "Job"] },
          ],
          ...(Object.keys(selector).length === 0 ? {} : { namespaceSelector: selector }),
        },
        parameters: { images: data },
      },
    },
    images,
    omissions,
    listDigest,
  };
}

/** Where an object's pod specification lies. Gatekeeper's expressions have no types, so that one fits all kinds. */
function podSpecOf(object: string): string {
  return (
    `(${object}.kind == "Pod" ? ${object}.spec : ` +
    `${object}.kind == "CronJob" ? ${object}.spec.jobTemplate.spec.template.spec : ${object}.spec.template.spec)`
  );
}

function template(labels: Record<string, string>): ConstraintTemplateObject {
  const named = (variable: string): string => `variables.${variable}.map(i, '"' + i + '"').join(", ")`;
  const namespace = 'object.metadata.?namespace.orValue("")';
  const pin = "Write each image as registry/path@sha256:<64 hex digits>, with its registry and without a tag.";
  const verify = "Verify it with npx neko-trust verify-image, name it in the releases of the stack and run the update.";
  return {
    apiVersion: "templates.gatekeeper.sh/v1",
    kind: "ConstraintTemplate",
    metadata: { name: constraintKind.toLowerCase(), labels: { ...labels } },
    spec: {
      crd: {
        spec: {
          names: { kind: constraintKind },
          validation: {
            openAPIV3Schema: {
              type: "object",
              required: ["images"],
              properties: { images: { type: "object", additionalProperties: { type: "string" } } },
            },
          },
        },
      },
      targets: [
        {
          target: "admission.k8s.gatekeeper.sh",
          code: [
            {
              engine: "K8sNativeValidation",
              source: {
                failurePolicy: "Fail",
                generateVAP: false,
                variables: [
                  { name: "podSpec", expression: podSpecOf("object") },
                  { name: "images", expression: imagesOf("variables.podSpec") },
                  { name: "podSpecBefore", expression: `oldObject == null ? null : ${podSpecOf("oldObject")}` },
                  {
                    name: "before",
                    expression: `oldObject == null ? [] : ${imagesOf("variables.podSpecBefore")}`,
                  },
                  // As in the baseline: an update that leaves the images as they are is never refused.
                  {
                    name: "judged",
                    expression: "oldObject != null && variables.images == variables.before ? [] : variables.images",
                  },
                  { name: "unpinned", expression: `variables.judged.filter(i, !i.matches("${pinnedPattern}"))` },
                  { name: "pinned", expression: `variables.judged.filter(i, i.matches("${pinnedPattern}"))` },
                  {
                    name: "unlisted",
                    expression:
                      'variables.pinned.filter(i, !variables.params.images[?i.split("@")[1].replace(":", "-")].orValue("").split("\\n")' +
                      '.exists(line, line == i.split("@")[0] || line == i.split("@")[0] + " " + ' +
                      `${namespace}))`,
                  },
                ],
                validations: [
                  {
                    expression: "variables.unpinned.size() == 0",
                    message: `An image is not pinned by digest. ${pin}`,
                    messageExpression: `"Not pinned by digest: " + ${named("unpinned")} + ". ${pin}"`,
                  },
                  {
                    expression: "variables.unlisted.size() == 0",
                    message: `An image is not in the list of verified images. ${verify}`,
                    messageExpression: `"Not in the list of verified images for namespace " + ${namespace} + ": " + ${named("unlisted")} + ". ${verify}"`,
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  };
}
