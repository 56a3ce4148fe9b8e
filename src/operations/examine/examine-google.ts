import { z } from "zod";
import { sendRequest } from "../../adapters/web/request.ts";
import type { StackConfig } from "../../config/stack-config.ts";
import { couldNotAsk, missing, ok } from "../../core/check-result.ts";
import type { CheckResult } from "../../core/check-result.ts";
import { safeParse } from "../../core/safe-parse.ts";
import type { Purpose } from "./purpose.ts";
import { accessToken, credentials as title, googleApi, signIn } from "../google-token.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** IAM permissions that the components need in the project, besides those of the state's bucket and key. */
const permissions: Readonly<Record<string, readonly string[]>> = {
  ciSecrets: [
    "iam.workloadIdentityPools.create",
    "iam.workloadIdentityPools.update",
    "iam.workloadIdentityPoolProviders.create",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.setIamPolicy",
    "resourcemanager.projects.setIamPolicy",
    "storage.buckets.create",
    "storage.buckets.setIamPolicy",
  ],
  confidentialSigner: [
    "compute.images.create",
    "compute.instances.create",
    "compute.instances.delete",
    "compute.networks.create",
    "compute.subnetworks.create",
    "compute.firewallPolicies.create",
    "compute.routes.create",
    "compute.routers.create",
    "compute.disks.create",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.actAs",
    "cloudkms.keyRings.create",
    "cloudkms.cryptoKeys.create",
    "cloudkms.cryptoKeys.setIamPolicy",
    "storage.buckets.create",
    "dns.managedZones.create",
    "dns.policies.create",
    "logging.logMetrics.create",
    "monitoring.alertPolicies.create",
    "resourcemanager.projects.setIamPolicy",
  ],
  buildRunners: [
    "compute.images.create",
    "compute.instances.create",
    "compute.instances.delete",
    "compute.instanceTemplates.create",
    "compute.networks.create",
    "compute.subnetworks.create",
    "compute.firewalls.create",
    "compute.routers.create",
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.actAs",
  ],
};

/** What the configured components need, sorted, each once: what an update writes, or what a refresh reads of the same. */
export function neededPermissions(config: Readonly<Record<string, unknown>>, purpose: Purpose): string[] {
  const needed = Object.entries(permissions).flatMap(([component, list]) =>
    config[component] === undefined ? [] : list,
  );
  return [...new Set(purpose === "apply" ? needed : needed.map(readingOf))].sort();
}

/** `compute.images.get` of `compute.images.create`, `….getIamPolicy` of `….setIamPolicy`: Google's names have one form. */
function readingOf(permission: string): string {
  return permission.replace(/\.(\w+)$/, (_all, verb) => (verb === "setIamPolicy" ? ".getIamPolicy" : ".get"));
}

/** Checks of Google Cloud: a token can be had, and it has every permission in the project (testIamPermissions). */
export async function examineGoogle(
  config: StackConfig,
  purpose: Purpose,
  environment: Environment,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const { gcp } = config;
  if (gcp === undefined) return [ok(title, "the stack has nothing in Google Cloud")];
  if (config.policy.environment === "local") return [ok(title, "stack local uses stand-ins")];
  const token = await accessToken(environment, signal);
  if (token.kind !== "found") return [token.check];
  const { project } = gcp;
  if (project.includes("placeholder")) return [ok(title, `from ${token.from}`), placeholderProject(project)];
  const needed = neededPermissions(config, purpose);
  return [
    ok(title, `from ${token.from}`),
    await examineProject(project, needed, purpose, token.token, environment, signal),
  ];
}

function placeholderProject(project: string): CheckResult {
  return missing(`google project ${project}`, "a placeholder", "make init");
}

const tested = z.looseObject({ permissions: z.array(z.string()).optional() });

async function examineProject(
  project: string,
  needed: readonly string[],
  purpose: Purpose,
  token: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<CheckResult> {
  const name = `google project ${project}`;
  const again = "Try again where cloudresourcemanager.googleapis.com can be reached.";
  const answer = await sendRequest({
    method: "POST",
    url: `${googleApi("cloudresourcemanager", environment)}/v1/projects/${encodeURIComponent(project)}:testIamPermissions`,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ permissions: needed }),
    maxBytes: 1024 * 1024,
    timeoutMilliseconds: 20_000,
    retries: 1,
    signal,
  });
  if (answer.kind === "failed") return couldNotAsk(name, answer.detail, again);
  if (answer.status === 401) return missing(name, "Google does not accept the credentials", signIn);
  if (answer.status === 403 || answer.status === 404) {
    const remedy = `Check that the project exists, that its API cloudresourcemanager.googleapis.com is on, and who is signed in: gcloud auth list`;
    return missing(name, `not there, or not for these credentials (HTTP ${answer.status})`, remedy);
  }
  if (answer.status !== 200) return couldNotAsk(name, `Google answered ${answer.status}`, again);
  const has = grantedIn(answer.body);
  if (has === undefined) return couldNotAsk(name, "Google's answer can't be read", again);
  const lacking = needed.filter((permission) => !has.includes(permission));
  return lacking.length === 0
    ? ok(
        name,
        `all ${needed.length} permissions that ${purpose === "plan" ? "a plan of the stack" : "the stack"} needs`,
      )
    : missing(name, `lacks ${lacking.join(", ")}`, "Grant roles that hold them; docs/getting-started.md lists which.");
}

function grantedIn(body: Uint8Array): readonly string[] | undefined {
  try {
    const parsed = safeParse(tested, JSON.parse(Buffer.from(body).toString("utf8")) as unknown);
    return parsed.success ? (parsed.data.permissions ?? []) : undefined;
  } catch {
    return undefined;
  }
}
