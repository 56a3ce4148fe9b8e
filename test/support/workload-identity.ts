import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { evaluate } from "@marcbachmann/cel-js";
import { parse } from "yaml";
import type { WorkloadIdentity } from "../../src/core/compile/workload-identity/compile.ts";
import type { TrustPolicy } from "../../src/core/policy/trust-policy.ts";
import { samplePolicy, sampleSigner } from "./policies.ts";

/** What the cases beside the compiler are written for. */
const deploy = { repository: "m1k1o/neko", path: ".github/workflows/deploy.yml" };

const deployer = {
  issuer: "https://token.actions.githubusercontent.com",
  repositoryId: "223413321",
  ownerId: "34362",
  signerWorkflow: { ...deploy, ref: "refs/heads/main" },
  callerWorkflow: deploy,
  refs: ["refs/heads/main"],
  triggers: ["push" as const, "workflow_dispatch" as const],
  runner: "github-hosted" as const,
};

export const sampleIdentities = [
  { use: "apply", id: "production-apply", caller: { ...deployer, environment: "production" } },
  { use: "plan", id: "production-plan", caller: { ...deployer, environment: "production-plan" } },
  { use: "build", id: "release-build", signer: "release" },
  { use: "build", id: "shared-build", signer: "shared" },
] as const satisfies readonly WorkloadIdentity[];

/** A policy with the sample's signer and one that signs in a reusable workflow. */
export function identitiesPolicy(changes: Readonly<Record<string, unknown>> = {}): TrustPolicy {
  const shared = {
    ...sampleSigner,
    id: "shared",
    repository: "example/app",
    repositoryId: "777",
    ownerId: "888",
    signerWorkflow: {
      repository: "example/builders",
      path: ".github/workflows/sign.yml",
      sha: "0123456789abcdef0123456789abcdef01234567",
    },
    callerWorkflow: { repository: "example/app", path: ".github/workflows/publish.yml" },
    refs: ["refs/heads/main", "refs/heads/release/*"],
    triggers: ["workflow_dispatch"],
    environment: "publish",
    runner: "self-hosted",
  };
  return samplePolicy({ signers: [sampleSigner, shared], ...changes });
}

export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimsCase {
  /** `good/<file>` or `bad/<file>`. */
  readonly name: string;
  readonly identity: string;
  readonly claims: Claims;
}

interface GoodFile {
  readonly identity: string;
  readonly claims: Claims;
}

/** The tokens that lie beside the compiler. A bad one is a good one with changes; null takes a claim away. */
export function claimsCases(kind: "good" | "bad"): ClaimsCase[] {
  const folder = fileURLToPath(new URL("../../src/core/compile/workload-identity/cases/", import.meta.url));
  const read = (name: string): unknown => parse(readFileSync(`${folder}${name}`, "utf8"));
  return readdirSync(`${folder}${kind}`).map((file) => {
    const name = `${kind}/${file}`;
    if (kind === "good") return { name, ...(read(name) as GoodFile) };
    const { like, claims } = read(name) as { like: string; claims: Claims };
    const good = read(`good/${like}.yaml`) as GoodFile;
    const changed = Object.entries({ ...good.claims, ...claims }).filter(([, value]) => value !== null);
    return { name, identity: good.identity, claims: Object.fromEntries(changed) };
  });
}

/** What Google does with a condition: anything but true, an error too, refuses the token. */
export function accepts(condition: string, claims: Claims): boolean {
  try {
    return evaluate(condition, { assertion: claims }) === true;
  } catch {
    return false;
  }
}

/** The value of a mapping's expression. */
export function mapped(expression: string | undefined, claims: Claims): unknown {
  return evaluate(expression ?? "", { assertion: claims });
}
