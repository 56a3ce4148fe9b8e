import type * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { BrokerPlan } from "./args.ts";
import { containerSecurity, metadata, partLabels, podSecurity, secretMode } from "./objects.ts";

/**
 * How policies, reference values and the credential get into the broker: a Job in its namespace posts them to the admin
 * routes, which are the documented way in. Files in Trustee's storage folder would do too, under names that are nowhere
 * promised. There is no shell in it: one container per request, in order, each a curl with fixed arguments.
 */

type Container = kubernetes.types.input.core.v1.Container;

const folders = {
  requests: "/etc/publication/requests",
  token: "/etc/publication/token",
  credential: "/etc/publication/credential",
  authority: "/etc/publication/authority",
} as const;

/** Bodies of the requests: public, and never changed, as another content has another name. */
export function requestsArgs(plan: BrokerPlan): kubernetes.core.v1.ConfigMapArgs {
  return {
    metadata: metadata(plan, `publication-${plan.publication}`),
    immutable: true,
    data: Object.fromEntries(plan.compiled.requests.map(({ name, body }) => [`${name}.json`, body])),
  };
}

/** The header with the administrator's token, which only this publication uses. */
export function tokenSecretArgs(plan: BrokerPlan, token: pulumi.Output<string>): kubernetes.core.v1.SecretArgs {
  return {
    metadata: metadata(plan, `publication-${plan.publication}`),
    type: "Opaque",
    stringData: { header: token.apply((text) => `Authorization: Bearer ${text}`) },
  };
}

export interface PublicationNames {
  /** ConfigMap and Secret of this publication have the Job's name. */
  readonly credential: string;
  /** Holds the root that the broker's certificate is verified with. */
  readonly tls: string;
}

/** Policies first, the credential last: it is never there while Trustee's own policies are in force. */
export function jobArgs(plan: BrokerPlan, names: PublicationNames): kubernetes.batch.v1.JobArgs {
  const own = metadata(plan, `publication-${plan.publication}`);
  const name = `${plan.settings.name}-publication-${plan.publication}`;
  const posts = plan.compiled.requests.map((request) =>
    post(plan, request.name, request.path, "application/json", `${folders.requests}/${request.name}.json`),
  );
  const secrets = plan.compiled.resources.map((resource) =>
    post(plan, "credential", `/kbs/v0/resource/${resource}`, "application/octet-stream", `${folders.credential}/value`),
  );
  return {
    metadata: own,
    spec: {
      backoffLimit: 3,
      completions: 1,
      parallelism: 1,
      // After that the token is worth nothing.
      activeDeadlineSeconds: plan.settings.admin.minutes * 60,
      template: {
        metadata: { labels: partLabels(plan, "publisher") },
        spec: {
          restartPolicy: "Never",
          serviceAccountName: plan.settings.name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurity,
          initContainers: posts,
          containers: secrets,
          volumes: [
            { name: "requests", configMap: { name, defaultMode: secretMode } },
            { name: "token", secret: { secretName: name, defaultMode: secretMode } },
            { name: "credential", secret: { secretName: names.credential, defaultMode: secretMode } },
            {
              name: "authority",
              secret: {
                secretName: names.tls,
                defaultMode: secretMode,
                items: [{ key: "ca.crt", path: "ca.crt" }],
              },
            },
          ],
        },
      },
    },
  };
}

function post(plan: BrokerPlan, name: string, path: string, type: string, file: string): Container {
  return {
    name,
    image: plan.images.curl,
    imagePullPolicy: "IfNotPresent",
    command: ["curl"],
    args: [
      // No configuration file of the image's.
      "--disable",
      "--silent",
      "--show-error",
      "--fail-with-body",
      ...["--proto", "=https"],
      "--tlsv1.2",
      ...["--cacert", `${folders.authority}/ca.crt`],
      ...["--max-time", "60"],
      ...["--retry", "20"],
      ...["--retry-delay", "3"],
      "--retry-connrefused",
      ...["--request", "POST"],
      ...["--header", `@${folders.token}/header`],
      ...["--header", `Content-Type: ${type}`],
      ...["--data-binary", `@${file}`],
      `${plan.serviceUrl}${path}`,
    ],
    securityContext: containerSecurity,
    resources: { requests: { cpu: "10m", memory: "32Mi" }, limits: { memory: "64Mi" } },
    volumeMounts: [
      { name: "requests", mountPath: folders.requests, readOnly: true },
      { name: "token", mountPath: folders.token, readOnly: true },
      { name: "authority", mountPath: folders.authority, readOnly: true },
      ...(name === "credential" ? [{ name: "credential", mountPath: folders.credential, readOnly: true }] : []),
    ],
  };
}
