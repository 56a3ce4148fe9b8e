import { z } from "zod";
import { askGitHub } from "../adapters/github/ask-github.ts";
import type { GitHubAccess } from "../adapters/github/ask-github.ts";
import { sendRequest } from "../adapters/web/request.ts";
import type { StackConfig } from "../config/stack-config.ts";
import { safeParse } from "../core/safe-parse.ts";
import type { PlainValue, YamlChange } from "../core/yaml/edit-yaml.ts";
import { inFile } from "./fill-placeholders.ts";

/** Something that the stack would create, and that may be there already. */
export interface Existing {
  readonly what: string;
  readonly state: "there" | "not there" | "unknown" | "deleted";
  /** What follows from it. */
  readonly says: string;
  /** A command to run first, where one is needed. */
  readonly command?: string;
}

export interface AdoptPlan {
  readonly found: readonly Existing[];
  /** Of the stack's file: the settings that make its components take over what exists. */
  readonly changes: readonly YamlChange[];
}

/** Google's APIs; `undefined` when there are no credentials. */
export interface GoogleAccess {
  readonly token: string;
  readonly iam: string;
  readonly kms: string;
  readonly signal?: AbortSignal | undefined;
}

/** Each setting of `adopt` with the name that the component gives its ruleset. */
const ownRulesets = {
  branchRuleset: "neko-trust: default branch",
  tagRuleset: "neko-trust: release tags",
  tagCreationRuleset: "neko-trust: who makes release tags",
} as const;

/** Looks for what the stack's components would create, and tells which settings take it over. Changes nothing. */
export async function planAdoption(
  config: StackConfig,
  github: GitHubAccess,
  google: GoogleAccess | undefined,
): Promise<AdoptPlan> {
  const plans = await Promise.all([
    adoptRepository(config, github),
    adoptPool(config, google),
    adoptKeys(config, google),
    Promise.resolve(adoptObjects(config)),
  ]);
  return { found: plans.flatMap(({ found }) => found), changes: plans.flatMap(({ changes }) => changes) };
}

const nothing: AdoptPlan = { found: [], changes: [] };
const rulesetList = z.array(z.looseObject({ id: z.int().positive(), name: z.string(), target: z.string().optional() }));

async function adoptRepository(config: StackConfig, github: GitHubAccess): Promise<AdoptPlan> {
  const { githubOwner: owner, ghcrRepository: settings } = config;
  if (owner === undefined || settings === undefined) return nothing;
  const what = `repository ${owner}/${settings.name}`;
  const answer = await askGitHub(github, ["repos", owner, settings.name]);
  if (answer.kind === "absent") {
    const says = "it is created (or the token may not see it: then the update fails, and changes nothing)";
    return { found: [{ what, state: "not there", says }], changes: [] };
  }
  if (answer.kind !== "found") return { found: [unknown(what, answer)], changes: [] };
  const listed = await askGitHub(github, ["repos", owner, settings.name, "rulesets"]);
  const rulesets = listed.kind === "found" ? safeParse(rulesetList, listed.value.value) : undefined;
  const found: Existing[] = [{ what, state: "there", says: "ghcrRepository.adopt.repository takes it over" }];
  const adopt: Record<string, PlainValue> = { repository: true };
  if (rulesets?.success !== true) {
    found.push({ what: `rulesets of ${owner}/${settings.name}`, state: "unknown", says: "GitHub did not list them" });
  } else {
    for (const [key, name] of Object.entries(ownRulesets)) {
      const ours = rulesets.data.filter((ruleset) => ruleset.name === name);
      const [only] = ours;
      if (only === undefined) continue;
      if (ours.length > 1) {
        const ids = ours.map(({ id }) => String(id)).join(", ");
        found.push({
          what: `ruleset "${name}"`,
          state: "unknown",
          says: `there are several (${ids}): delete all but one`,
        });
        continue;
      }
      adopt[key] = only.id;
      found.push({ what: `ruleset "${name}"`, state: "there", says: `ghcrRepository.adopt.${key}: ${only.id}` });
    }
    for (const { id, name } of rulesets.data) {
      if (Object.values<string>(ownRulesets).includes(name)) continue;
      found.push({
        what: `ruleset "${name}" (${id})`,
        state: "there",
        says: "not the program's: it stays, and applies as well",
      });
    }
  }
  return { found, changes: changesFor(settings.adopt, adopt) };
}

/** Only what differs from the settings, each as the smallest change. */
function changesFor(
  before: Readonly<Record<string, unknown>> | undefined,
  wanted: Readonly<Record<string, PlainValue>>,
): YamlChange[] {
  const path = inFile(["ghcrRepository", "adopt"]);
  if (before === undefined) return [{ kind: "put", path: path.slice(0, -1), key: "adopt", value: wanted }];
  return Object.entries(wanted).flatMap(([key, value]): YamlChange[] => {
    if (before[key] === value) return [];
    if (before[key] === undefined) return [{ kind: "put", path, key, value }];
    return [{ kind: "set", path: [...path, key], value: value as number }];
  });
}

const pool = z.looseObject({ state: z.string().optional() });

async function adoptPool(config: StackConfig, google: GoogleAccess | undefined): Promise<AdoptPlan> {
  const workload = config.ciSecrets?.workloadIdentity;
  if (workload === undefined) return nothing;
  const { project, pool: settings } = workload;
  const what = `workload identity pool ${settings.id}`;
  const id = `projects/${project}/locations/global/workloadIdentityPools/${settings.id}`;
  const answer = await askGoogle(google, `${google?.iam ?? ""}/v1/${id}`);
  if (typeof answer === "string") return { found: [{ what, state: "unknown", says: answer }], changes: [] };
  if (answer.status === 404) return { found: [{ what, state: "not there", says: "it is created" }], changes: [] };
  const parsed = safeParse(pool, answer.value);
  const deleted = parsed.success && parsed.data.state === "DELETED";
  const path = inFile(["ciSecrets", "workloadIdentity", "pool", "adopt"]);
  const says = "ciSecrets.workloadIdentity.pool.adopt takes it over";
  const changes: YamlChange[] = settings.adopt ? [] : [{ kind: "set", path, value: true }];
  if (!deleted) return { found: [{ what, state: "there", says }], changes };
  const command = `gcloud iam workload-identity-pools undelete ${settings.id} --location=global --project=${project}`;
  const soft = "deleted, and kept for 30 days, in which nobody can have its name: undelete it first; then ";
  return { found: [{ what, state: "deleted", says: `${soft}${says}`, command }], changes };
}

async function adoptKeys(config: StackConfig, google: GoogleAccess | undefined): Promise<AdoptPlan> {
  const signer = config.confidentialSigner;
  const { gcp } = config;
  if (signer === undefined || gcp === undefined) return nothing;
  const what = `key ring ${signer.name}`;
  const id = `projects/${gcp.project}/locations/${gcp.region}/keyRings/${signer.name}`;
  const answer = await askGoogle(google, `${google?.kms ?? ""}/v1/${id}`);
  if (typeof answer === "string") return { found: [{ what, state: "unknown", says: answer }], changes: [] };
  if (answer.status === 404) return { found: [{ what, state: "not there", says: "it is created" }], changes: [] };
  const path = inFile(["confidentialSigner", "keys", "adopt"]);
  return {
    found: [{ what, state: "there", says: "a key ring can't be deleted; confidentialSigner.keys.adopt takes it over" }],
    changes: signer.keys.adopt ? [] : [{ kind: "set", path, value: true }],
  };
}

/** Server-side apply takes over what exists: there is nothing to import, but something to know. */
function adoptObjects(config: StackConfig): AdoptPlan {
  const namespaces = [config.admissionPolicies?.namespace, config.keyBroker?.namespace].filter(
    (name) => name !== undefined,
  );
  if (namespaces.length === 0 || config.clusters.length === 0) return nothing;
  const says = "taken over by server-side apply if they are there; they then go with the stack";
  return {
    found: [{ what: `namespaces ${[...new Set(namespaces)].join(", ")} and CRDs`, state: "unknown", says }],
    changes: [],
  };
}

type GoogleAnswer = { readonly status: number; readonly value: unknown } | string;

/** 200 with its document, 404, or why that can't be said. */
async function askGoogle(google: GoogleAccess | undefined, url: string): Promise<GoogleAnswer> {
  if (google === undefined) return "no Google credentials: gcloud auth application-default login";
  const answer = await sendRequest({
    method: "GET",
    url,
    headers: { authorization: `Bearer ${google.token}` },
    maxBytes: 1024 * 1024,
    timeoutMilliseconds: 20_000,
    retries: 1,
    signal: google.signal,
  });
  if (answer.kind === "failed") return answer.detail;
  if (answer.status === 404) return { status: 404, value: undefined };
  if (answer.status !== 200) return `Google answered ${answer.status}`;
  try {
    return { status: 200, value: JSON.parse(Buffer.from(answer.body).toString("utf8")) as unknown };
  } catch {
    return "Google's answer is no JSON";
  }
}

function unknown(what: string, answer: { readonly kind: string; readonly detail?: string }): Existing {
  return { what, state: "unknown", says: answer.detail ?? answer.kind };
}
