import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Failure } from "../core/failure.ts";
import { safeParse } from "../core/safe-parse.ts";
import { stackFile, stackNames, yamlKeys } from "./read-config.ts";

/** What exists once in the world, whoever provisions it: two stacks that claim it would undo each other's work. */
export interface Claim {
  /** The key of the stack's file that claims it. */
  readonly key: string;
  /** In words, equal where it is the same thing: `the GitHub repository m1k1o/neko`. */
  readonly thing: string;
}

const text = z.string().optional().catch(undefined);
const named = (fields: Record<string, z.ZodType>) => z.looseObject(fields).optional().catch(undefined);

/** The parts of a stack's file that name such things; whatever can't be read claims nothing, and is refused elsewhere. */
const readable = z.looseObject({
  githubOwner: text,
  ghcrRepository: named({ name: text }),
  ciSecrets: named({
    repository: named({ owner: text, name: text }),
    workloadIdentity: named({ project: text, pool: named({ id: text }), approvals: named({ bucket: text }) }),
  }),
  buildRunners: named({ group: named({ name: text }) }),
  confidentialSigner: named({ name: text, project: named({ id: text }) }),
  keyBroker: named({ name: text, namespace: text }),
  admissionPolicies: named({ name: text, namespace: text }),
  clusters: z
    .array(
      z
        .looseObject({ kubeconfig: text, context: text, runs: z.array(z.string()).optional().catch(undefined) })
        .catch({ kubeconfig: undefined }),
    )
    .catch([]),
});

type Part = Readonly<Record<string, unknown>> | undefined;
const at = (part: unknown, key: string): unknown =>
  typeof part === "object" && part !== null && Object.hasOwn(part, key) ? (part as NonNullable<Part>)[key] : undefined;

/** Everything that a stack's file claims; none for stack local, which reaches nothing that exists. */
export function claimsOf(document: Readonly<Record<string, unknown>>): Claim[] {
  const parsed = safeParse(readable, document);
  if (!parsed.success) return [];
  const { githubOwner, ghcrRepository, ciSecrets, buildRunners, confidentialSigner, clusters } = parsed.data;
  const claims: Claim[] = [];
  const claim = (key: string, what: string, ...parts: readonly unknown[]): void => {
    if (!parts.every((part) => typeof part === "string")) return;
    // GitHub and Google Cloud take names in any case for the same thing.
    claims.push({ key, thing: `${what} ${parts.join("/").toLowerCase()}` });
  };
  claim("ghcrRepository", "the GitHub repository", githubOwner, at(ghcrRepository, "name"));
  const repository = at(ciSecrets, "repository");
  claim("ciSecrets", "the environments of", at(repository, "owner"), at(repository, "name"));
  const pools = at(ciSecrets, "workloadIdentity");
  claim("ciSecrets", "the identity pool", at(pools, "project"), at(at(pools, "pool"), "id"));
  claim("ciSecrets", "the approvals in", at(at(pools, "approvals"), "bucket"));
  claim("buildRunners", "the runner group", githubOwner, at(at(buildRunners, "group"), "name"));
  const project = at(at(confidentialSigner, "project"), "id");
  claim("confidentialSigner", "the signers", project, at(confidentialSigner, "name"));
  for (const cluster of clusters) {
    const place = typeof cluster.context === "string" ? [cluster.kubeconfig, cluster.context] : [cluster.kubeconfig];
    if (runs(cluster, "key-broker"))
      claim("keyBroker", "the key broker in", ...place, at(parsed.data.keyBroker, "name"));
    if (runs(cluster, "workloads")) {
      claim("admissionPolicies", "the admission policies in", ...place, at(parsed.data.admissionPolicies, "name"));
    }
  }
  return claims;
}

function runs(cluster: { readonly runs?: unknown }, what: string): boolean {
  return Array.isArray(cluster.runs) ? cluster.runs.includes(what) : what === "workloads";
}

/** What a stack claims that another one claims, too: `key: the thing, claimed by stacks/Pulumi.x.yaml as well`. */
export function sharedClaims(
  stack: string,
  documents: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
): string[] {
  const own = claimsOf(documents.get(stack) ?? {});
  return [...documents]
    .filter(([other]) => other !== stack && other !== "local")
    .flatMap(([other, document]) => {
      const theirs = new Set(claimsOf(document).map(({ thing }) => thing));
      return own
        .filter(({ thing }) => theirs.has(thing))
        .map(({ key, thing }) => `${key}: ${thing}, claimed by ${stackFile(other)} as well`);
    });
}

/** The keys of each stack's file that can be read, by the stack's name. */
export function stackDocuments(checkout: string): Map<string, Readonly<Record<string, unknown>>> {
  const documents = new Map<string, Readonly<Record<string, unknown>>>();
  for (const name of stackNames(checkout)) {
    try {
      documents.set(name, yamlKeys(readFileSync(join(checkout, stackFile(name)), "utf8"), name));
    } catch (error) {
      if (!(error instanceof Failure) && !(error instanceof Error && "code" in error)) throw error;
    }
  }
  return documents;
}

/**
 * Refuses a stack that claims what another stack of this checkout claims. Throws SINGLETON_CLAIMED_TWICE (usage). A
 * stack whose file can't be read claims nothing here: it has to be mended before it can be brought up itself.
 */
export function refuseSharedSingletons(stack: string, checkout: string): void {
  if (stack === "local") return;
  const documents = stackDocuments(checkout);
  const details = sharedClaims(stack, documents);
  if (details.length === 0) return;
  throw new Failure({
    code: "SINGLETON_CLAIMED_TWICE",
    kind: "usage",
    message: `${stackFile(stack)} claims what exists once and another stack has.`,
    remedy:
      "Leave it to one of them: what exists once belongs to the platform stack, and each environment has clusters and names of its own.",
    details,
  });
}
