import type { AdmissionPolicyObject, RuleWithOperations } from "./objects.ts";

/**
 * The CEL of the baseline. One policy per place that a pod specification can lie in, so that every expression has one
 * shape: Kubernetes checks the types of each against each matched resource.
 */
export interface Shape {
  /** Ends the policy's name. */
  readonly suffix: "pods" | "templates" | "cron-jobs";
  /** Where the pod specification lies, below `object` and `oldObject`. */
  readonly podSpec: string;
  readonly rules: readonly RuleWithOperations[];
}

const both: RuleWithOperations["operations"] = ["CREATE", "UPDATE"];

function rule(apiGroup: string, resources: string[], operations = both): RuleWithOperations {
  return { apiGroups: [apiGroup], apiVersions: ["v1"], operations: [...operations], resources, scope: "Namespaced" };
}

/**
 * Pods are where it counts. What makes pods is judged too, so that the mistake shows where it is made and not in a
 * controller's log. PodTemplate objects are left out: nothing in Kubernetes makes a pod from one by itself.
 */
export const shapes: readonly Shape[] = [
  {
    suffix: "pods",
    podSpec: "spec",
    rules: [rule("", ["pods"]), rule("", ["pods/ephemeralcontainers"], ["UPDATE"])],
  },
  {
    suffix: "templates",
    podSpec: "spec.template.spec",
    rules: [
      rule("", ["replicationcontrollers"]),
      rule("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
      rule("batch", ["jobs"]),
    ],
  },
  { suffix: "cron-jobs", podSpec: "spec.jobTemplate.spec.template.spec", rules: [rule("batch", ["cronjobs"])] },
];

/**
 * The one accepted spelling: registry/path@sha256:<hex>. No tag beside the digest (a runtime ignores it, a reader would
 * believe it), no implied registry, no upper case, no space. Without a backslash, so it needs no escape in CEL.
 */
export const pinnedPattern = "^[a-z0-9.-]+(:[0-9]{1,5})?/[a-z0-9]+([._/-]+[a-z0-9]+)*@sha256:[0-9a-f]{64}$";

/** Every image of a pod specification: a list of strings, "" for one that is missing. */
export function imagesOf(podSpec: string): string {
  const containers = ["containers", "initContainers", "ephemeralContainers"].map(
    (field) => `${podSpec}.?${field}.orValue([]).map(c, c.?image.orValue(''))`,
  );
  const volumes = `${podSpec}.?volumes.orValue([]).filter(v, has(v.image)).map(v, v.image.?reference.orValue(''))`;
  return [...containers, volumes].join(" + ");
}

/** What the expressions look up, in the order that they need each other; each is evaluated at most once per request. */
export function variablesOf(shape: Shape): AdmissionPolicyObject["spec"]["variables"] {
  return [
    { name: "images", expression: imagesOf(`object.${shape.podSpec}`) },
    { name: "before", expression: `oldObject == null ? [] : ${imagesOf(`oldObject.${shape.podSpec}`)}` },
    // An update that leaves the images as they are is never refused: controllers must be able to scale down, label and
    // finalise what was admitted when the list was another.
    { name: "judged", expression: "oldObject != null && variables.images == variables.before ? [] : variables.images" },
    { name: "list", expression: "params.?data.orValue({})" },
    { name: "unpinned", expression: `variables.judged.filter(i, !i.matches('${pinnedPattern}'))` },
    { name: "pinned", expression: `variables.judged.filter(i, i.matches('${pinnedPattern}'))` },
    {
      name: "unlisted",
      expression:
        "variables.pinned.filter(i, !variables.list[?i.split('@')[1].replace(':', '-')].orValue('').split('\\n')" +
        ".exists(line, line == i.split('@')[0] || line == i.split('@')[0] + ' ' + request.namespace))",
    },
  ];
}

/** Names every refused image and what to do. The static message is shown where an image can't be shown on one line. */
export function validationsOf(list: string): AdmissionPolicyObject["spec"]["validations"] {
  const named = (variable: string): string => `variables.${variable}.map(i, '"' + i + '"').join(', ')`;
  const pin = "Write each image as registry/path@sha256:<64 hex digits>, with its registry and without a tag.";
  const verify =
    'Verify it with "npx neko-trust verify-image <image>", name it in the releases of the stack and run the update; ' +
    `ConfigMap ${list} holds the list for this cluster.`;
  return [
    {
      expression: "variables.unpinned.size() == 0",
      message: `An image is not pinned by digest. ${pin}`,
      messageExpression: `'Not pinned by digest: ' + ${named("unpinned")} + '. ${pin}'`,
      reason: "Forbidden",
    },
    {
      expression: "variables.unlisted.size() == 0",
      message: `An image is not in the list of verified images. ${verify}`,
      messageExpression: `'Not in the list of verified images for namespace ' + request.namespace + ': ' + ${named("unlisted")} + '. ${verify}'`,
      reason: "Forbidden",
    },
  ];
}
