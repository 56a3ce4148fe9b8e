import type * as kubernetes from "@pulumi/kubernetes";
import { places } from "../../src/core/compile/key-broker/places.ts";
import { fileOf } from "./args.ts";
import type { BrokerPlan } from "./args.ts";
import { containerSecurity, metadata, partLabels, podSecurity, secretMode } from "./objects.ts";

type Container = kubernetes.types.input.core.v1.Container;
type Volume = kubernetes.types.input.core.v1.Volume;
type Mount = kubernetes.types.input.core.v1.VolumeMount;

/** Names of what the pods mount; made by the component, save a TLS Secret that cert-manager keeps. */
export interface MountedNames {
  readonly config: string;
  readonly tls: string;
  readonly token: string;
  readonly admin: string;
  /** `built-in` only. */
  readonly store?: string;
  /** `split` only. */
  readonly postgres?: string;
}

const readOnly = (name: string, mountPath: string): Mount => ({ name, mountPath, readOnly: true });

/** The Deployment of Trustee: one pod with a volume, or several with a database. */
export function deploymentArgs(plan: BrokerPlan, names: MountedNames): kubernetes.apps.v1.DeploymentArgs {
  const { trustee } = plan.settings;
  return {
    metadata: metadata(plan),
    spec: {
      replicas: trustee.kind === "split" ? trustee.replicas : 1,
      // A volume for one pod: the old one has to be gone before the new one starts.
      strategy:
        trustee.kind === "split"
          ? { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
          : { type: "Recreate" },
      revisionHistoryLimit: 3,
      selector: { matchLabels: partLabels(plan, "broker") },
      template: {
        metadata: {
          labels: partLabels(plan, "broker"),
          // Trustee reads its files at its start only.
          annotations: { "neko-trust/config-digest": plan.configDigest },
        },
        spec: podSpec(plan, names),
      },
    },
  };
}

function podSpec(plan: BrokerPlan, names: MountedNames): kubernetes.types.input.core.v1.PodSpec {
  const sidecars = sidecarsOf(plan, names);
  return {
    serviceAccountName: plan.settings.name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: podSecurity,
    terminationGracePeriodSeconds: 30,
    ...(plan.settings.trustee.kind === "split"
      ? {
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: "kubernetes.io/hostname",
              whenUnsatisfiable: "ScheduleAnyway",
              labelSelector: { matchLabels: partLabels(plan, "broker") },
            },
          ],
        }
      : {}),
    ...(sidecars.length === 0 ? {} : { initContainers: sidecars }),
    containers: [kbsContainer(plan, names)],
    volumes: volumesOf(names),
  };
}

function kbsContainer(plan: BrokerPlan, names: MountedNames): Container {
  const probe = { httpGet: { path: "/healthz", port: "https", scheme: "HTTPS" }, timeoutSeconds: 5 };
  return {
    ...common(plan, plan.images.kbs, names),
    name: "kbs",
    command: ["/usr/local/bin/kbs", "--config-file", places.kbsConfig],
    ports: [{ name: "https", containerPort: places.port, protocol: "TCP" }],
    startupProbe: { ...probe, periodSeconds: 5, failureThreshold: 60 },
    readinessProbe: { ...probe, periodSeconds: 10, failureThreshold: 3 },
    livenessProbe: { ...probe, periodSeconds: 20, failureThreshold: 6 },
    volumeMounts: [
      readOnly("config", places.config),
      readOnly("tls", places.tls),
      readOnly("token", places.token),
      readOnly("admin", places.admin),
      { name: "scratch", mountPath: "/tmp" },
      ...(names.store === undefined ? [] : [{ name: "store", mountPath: places.store }]),
    ],
  };
}

/**
 * `split`: attestation service and RVPS beside each KBS, on the pod's loopback, as their gRPC is neither encrypted nor
 * authenticated. Containers that are restarted always start before KBS, in this order, and end after it. Nothing outside
 * the pod reaches their ports, so no probe of the kubelet does either: KBS ends, and is started again, while they are away.
 */
function sidecarsOf(plan: BrokerPlan, names: MountedNames): Container[] {
  const { attestationService, referenceValues } = plan.images;
  if (attestationService === undefined || referenceValues === undefined) return [];
  const scratch = { name: "scratch", mountPath: "/tmp" };
  return [
    {
      ...common(plan, referenceValues, names),
      name: "rvps",
      restartPolicy: "Always",
      command: ["rvps", "--config", places.referenceConfig, "--address", `127.0.0.1:${places.referencePort}`],
      volumeMounts: [readOnly("config", places.config), scratch],
    },
    {
      ...common(plan, attestationService, names),
      name: "attestation-service",
      restartPolicy: "Always",
      command: [
        "grpc-as",
        "--socket",
        `127.0.0.1:${places.attestationPort}`,
        "--config-file",
        places.attestationConfig,
      ],
      volumeMounts: [readOnly("config", places.config), readOnly("token", places.token), scratch],
    },
  ];
}

function common(plan: BrokerPlan, image: string, names: MountedNames): Omit<Container, "name"> {
  const { cpu, memory } = plan.settings.resources;
  return {
    image,
    imagePullPolicy: "IfNotPresent",
    securityContext: containerSecurity,
    // Intel's quote library keeps collateral below HOME.
    env: [
      { name: "HOME", value: "/tmp" },
      // At level info, the key-value store writes the database's address, with its password, to the log.
      { name: "RUST_LOG", value: "info,key_value_storage=warn" },
      ...(names.postgres === undefined
        ? []
        : [{ name: "POSTGRES_URL", valueFrom: { secretKeyRef: { name: names.postgres, key: "url" } } }]),
    ],
    // A CPU limit would stretch a quote's verification; memory has one.
    resources: { requests: { cpu, memory }, limits: { memory } },
  };
}

function volumesOf(names: MountedNames): Volume[] {
  const secret = (name: string, secretName: string, files: readonly string[]): Volume => ({
    name,
    secret: {
      secretName,
      defaultMode: secretMode,
      items: files.map((path) => ({ key: fileOf(path), path: fileOf(path) })),
    },
  });
  return [
    { name: "config", configMap: { name: names.config, defaultMode: secretMode } },
    secret("tls", names.tls, [places.tlsCertificate, places.tlsKey]),
    secret("token", names.token, [places.tokenRoot, places.tokenChain, places.tokenKey]),
    secret("admin", names.admin, [places.adminPublicKey]),
    { name: "scratch", emptyDir: { sizeLimit: "64Mi" } },
    ...(names.store === undefined ? [] : [{ name: "store", persistentVolumeClaim: { claimName: names.store } }]),
  ];
}
