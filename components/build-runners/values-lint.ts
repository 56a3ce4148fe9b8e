/**
 * Refuses chart values that would undo what this component hardens. Values are the user's own text, so every level is
 * looked at: what a chart copies into a pod may stand anywhere below `template` or `listenerTemplate`.
 */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Values = Readonly<Record<string, Json>>;
export type Path = (string | number)[];

export interface ValuesFault {
  readonly path: Path;
  readonly message: string;
}

/** Which of the two charts the values are for. */
export type ChartKind = "controller" | "scale-set";

/** What the component sets itself. Taken from elsewhere, it would not be what the runner group and the pins say. */
const owned: Readonly<Record<ChartKind, readonly string[]>> = {
  controller: [
    ...["flags", "fullnameOverride", "image", "nameOverride", "namespaceOverride", "podSecurityContext"],
    ...["replicaCount", "securityContext", "serviceAccount"],
  ],
  "scale-set": [
    ...["containerMode", "controllerServiceAccount", "fullnameOverride", "githubConfigSecret", "githubConfigUrl"],
    ...["keyVault", "maxRunners", "minRunners", "nameOverride", "namespaceOverride", "runnerGroup"],
    ...["runnerScaleSetName", "scaleSetLabels"],
  ],
};

const ownedMessages: Readonly<Record<string, string>> = {
  containerMode:
    "is refused: dind runs privileged, and the kubernetes modes let jobs read every Secret of the namespace, the " +
    "GitHub App's key among them (kube_mode_role.yaml of the chart)",
  githubConfigSecret: "is set by the component from the App's secret; a personal access token is never taken",
};

/** A value that is refused wherever it stands, with the reason. */
const refusedValues: readonly { key: string; when: (value: Json) => boolean; message: string }[] = [
  {
    key: "privileged",
    when: (value) => value !== false,
    message: "must not be given: the container would own its node",
  },
  { key: "allowPrivilegeEscalation", when: (value) => value !== false, message: "must be false" },
  { key: "runAsNonRoot", when: (value) => value !== true, message: "must be true" },
  { key: "runAsUser", when: (value) => value === 0, message: "must not be 0, which is root" },
  { key: "runAsGroup", when: (value) => value === 0, message: "must not be 0, which is root's group" },
  { key: "procMount", when: (value) => value !== "Default", message: "must be Default" },
  {
    key: "seccompProfile",
    when: (value) => textAt(value, "type") !== "RuntimeDefault",
    message: "must be { type: RuntimeDefault }",
  },
  {
    key: "appArmorProfile",
    when: (value) => textAt(value, "type") === "Unconfined",
    message: "must not be Unconfined",
  },
  {
    key: "automountServiceAccountToken",
    when: (value) => value !== false,
    message: "must be false: jobs need no token of the cluster",
  },
  {
    key: "serviceAccountName",
    when: () => true,
    message: "is set by the component to an account without token or rights",
  },
  {
    key: "serviceAccount",
    when: (value) => typeof value === "string",
    message: "is set by the component to an account without token or rights",
  },
  {
    key: "hostNetwork",
    when: (value) => value !== false,
    message: "must be false: the node's network is not under NetworkPolicies, and reaches the metadata server",
  },
  { key: "hostPID", when: (value) => value !== false, message: "must be false" },
  { key: "hostIPC", when: (value) => value !== false, message: "must be false" },
  { key: "hostPort", when: () => true, message: "must not be given: runners take no connections" },
  { key: "hostPath", when: () => true, message: "must not be given: it is the node's disk, which outlives the job" },
  {
    key: "persistentVolumeClaim",
    when: () => true,
    message: "must not be given: what one job leaves there, the next one runs",
  },
  { key: "serviceAccountToken", when: () => true, message: "must not be projected: jobs need no token of the cluster" },
  { key: "dind", when: () => true, message: "is refused: dind runs privileged" },
  {
    key: "capabilities",
    when: (value) => isMap(value) && value["add"] !== undefined,
    message: "must not add any: all of them stay dropped",
  },
  { key: "hostProcess", when: (value) => value !== false, message: "must be false" },
  { key: "readOnlyRootFilesystem", when: (value) => value !== true, message: "must be true where it is given" },
];

const byDigest = /^[a-z0-9.-]+(?::[0-9]{1,5})?(?:\/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}$/;

/** Every fault of the values; none means that they harden nothing away. `at` starts the paths. */
export function valuesFaults(values: Values, chart: ChartKind, at: Path = []): ValuesFault[] {
  const taken = owned[chart]
    .filter((key) => values[key] !== undefined)
    .map((key) => ({ path: [...at, key], message: ownedMessages[key] ?? "is set by the component" }));
  const rest = Object.fromEntries(Object.entries(values).filter(([key]) => !owned[chart].includes(key)));
  return [...taken, ...walk(rest, at)];
}

function walk(value: Json, path: Path): ValuesFault[] {
  if (typeof value === "string") return textFaults(value, path);
  if (isList(value)) {
    // `args: ["--option", "sandbox", "false"]` is one command line.
    const line = value.every((item) => typeof item === "string") ? textFaults(value.join(" "), path) : [];
    const inside = value.flatMap((item, index) => walk(item, [...path, index]));
    return inside.length > 0 ? inside : line;
  }
  if (!isMap(value)) return [];
  return [
    ...Object.entries(value).flatMap(([key, inner]) => {
      const refused = refusedValues.filter((rule) => rule.key === key && rule.when(inner));
      const own = refused.map(({ message }) => ({ path: [...path, key], message }));
      return own.length > 0 ? own : [...imageFault(key, inner, path), ...walk(inner, [...path, key])];
    }),
    ...dockerFaults(value, path),
  ];
}

function imageFault(key: string, value: Json, path: Path): ValuesFault[] {
  if (key !== "image" && key !== "reference") return [];
  if (typeof value === "string" && byDigest.test(value)) return [];
  return [
    { path: [...path, key], message: "must be registry/path@sha256:…, without a tag: a tag may move between two runs" },
  ];
}

/** The Docker client's own variable, which needs no socket's path to reach a daemon. */
function dockerFaults(value: { readonly [key: string]: Json }, path: Path): ValuesFault[] {
  return value["name"] === "DOCKER_HOST"
    ? [{ path: [...path, "name"], message: "must not be DOCKER_HOST: there is no Docker daemon for jobs" }]
    : [];
}

/** Texts that are refused wherever they stand. */
const refusedTexts: readonly { pattern: RegExp; message: string }[] = [
  {
    pattern: /docker\.sock|containerd\.sock|crio\.sock/,
    message: "must not name a container runtime's socket: who has it owns the node",
  },
  {
    // In a variable, a command line or a nix.conf: `sandbox = false`, `--option sandbox false`, `--no-sandbox`.
    pattern: /--no-sandbox\b|\bsandbox(?:\s*=\s*|\s+)(?:false|relaxed)\b/,
    message: "must not switch the Nix sandbox off: build on the machines of `gce`",
  },
  {
    // As a volume, a variable or a projected source (arc-args.ts, appSecretName).
    pattern: /^github-app-[0-9]+$/,
    message: "must not name the App's Secret: jobs would have its key",
  },
  { pattern: /^unconfined$/i, message: "must not be unconfined, also not in an annotation" },
];

function textFaults(text: string, path: Path): ValuesFault[] {
  return refusedTexts.filter(({ pattern }) => pattern.test(text)).map(({ message }) => ({ path, message }));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isMap(value: Json): value is { readonly [key: string]: Json } {
  return value !== null && typeof value === "object" && !isList(value);
}

function textAt(value: Json, key: string): string | undefined {
  const inner = isMap(value) ? value[key] : undefined;
  return typeof inner === "string" ? inner : undefined;
}
