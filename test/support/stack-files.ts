import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parse, stringify } from "yaml";
import type { Directories } from "../../src/adapters/directories/directories.ts";
import { localOverlayPath } from "../../src/config/local-overlay.ts";
import { Failure } from "../../src/core/failure.ts";
import { withValues } from "./documents.ts";

const checkout = join(import.meta.dirname, "..", "..");

/** stacks/Pulumi.local.yaml: the lab's, which no installation fills in. */
export function localStackText(): string {
  return readFileSync(join(checkout, "stacks", "Pulumi.local.yaml"), "utf8");
}

/** The `config` of stacks/Pulumi.local.yaml, as YAML has it. */
export function localConfig(): Record<string, unknown> {
  const document = parse(localStackText()) as { config: Record<string, unknown> };
  return document.config;
}

/** What a lab writes to its state folder; nothing in it exists. */
export const sampleOverlay = {
  schema: 1,
  hosts: { "registry.neko-lab.test": "127.0.0.1:5001" },
  trustedRoot: { path: "/nonexistent/trusted_root.json", sha256: "a".repeat(64), fetched: "2026-11-01T00:00:00Z" },
  releases: [{ image: "127.0.0.1:5001/m1k1o/neko/base", current: `sha256:${"b".repeat(64)}`, retained: [] }],
  secrets: {},
  signerRelease: {
    ...{ image: "127.0.0.1:5001/m1k1o/neko/signer", current: `sha256:${"c".repeat(64)}`, retained: [] },
    disk: { kind: "file", path: "/nonexistent/signer-disk.tar.gz" },
  },
};

/** The keys of stack local that need its signer's release or what the lab has in place of a cloud. */
export const signerKeys: readonly string[] = [
  "signerRelease",
  "confidentialSigner",
  "keyBroker",
  "ciSecrets",
  "buildRunners",
];

/** A stack that is not the lab's, as a config that is right: change a copy to test what is refused. */
export function stagingConfig(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const prefixed = Object.fromEntries(
    Object.entries({
      release: undefined,
      ...Object.fromEntries(signerKeys.map((key) => [key, undefined])),
      "policy.environment": "staging",
      "policy.roots.sigstore.sha256": "a".repeat(64),
      "policy.roots.sigstore.fetched": "2026-11-01T00:00:00Z",
      "clusters.0.kubeconfig": "kubeconfig",
      ...changes,
    }).map(([path, value]) => [`neko-trust:${path}`, value]),
  );
  return withValues(localConfig(), prefixed) as Record<string, unknown>;
}

/**
 * A production stack with a key broker and signers' machines, as a config that is right: what stacks/Pulumi.production.yaml
 * is of, whatever an installation makes of that file.
 */
export function productionConfig(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const {
    "neko-trust:signerRelease": signer,
    "neko-trust:keyBroker": keyBroker,
    "neko-trust:confidentialSigner": confidentialSigner,
  } = localConfig();
  const image = "registry.neko-lab.test/m1k1o/neko/signer";
  const current = `sha256:${"c".repeat(64)}`;
  const signerRelease = withValues(signer, {
    ...{ image, current, retained: [], disk: { kind: "oci", reference: `${image}@${current}` } },
    "policy.environment": "production",
    "policy.roots.sigstore.sha256": "a".repeat(64),
    "policy.roots.sigstore.fetched": "2026-11-01T00:00:00Z",
  });
  return stagingConfig({
    ...{ "policy.environment": "production", ghcrRepository: undefined, approvals: { bucket: "acme-approvals" } },
    clusters: [{ name: "production", kubeconfig: "kubeconfig", runs: ["workloads", "key-broker"] }],
    ...{ signerRelease, keyBroker, confidentialSigner },
    // What its signer watches.
    "policy.images.0.mirrors": ["ghcr.io/m1k1o/neko/base"],
    "admissionPolicies.scope": { kind: "all-except", exempt: ["kube-system", "cosign-system"] },
    "admissionPolicies.engines": {
      sigstore: "public-good",
      policyController: { install: true, namespace: "cosign-system", replicas: 3 },
    },
    ...changes,
  });
}

/** A folder with stacks and a state, for the readers of the configuration. */
export interface StackFiles {
  readonly directories: Directories;
  /** Writes the stack's file, as text or as the `config` in it. */
  write(stack: string, content: string | Readonly<Record<string, unknown>>): void;
  /** Writes the lab's overlay. */
  writeOverlay(content: unknown): void;
}

export function stackFiles(t: TestContext): StackFiles {
  const root = mkdtempSync(join(tmpdir(), "neko-stacks-"));
  t.after(() => {
    rmSync(root, { recursive: true });
  });
  const directories = {
    checkout: root,
    state: join(root, "state"),
    cache: join(root, "cache"),
    run: join(root, "run"),
  };
  mkdirSync(join(root, "stacks"));
  mkdirSync(directories.state);
  return {
    directories,
    write: (stack, content) => {
      const text = typeof content === "string" ? content : stringify({ config: content });
      writeFileSync(join(root, "stacks", `Pulumi.${stack}.yaml`), text);
    },
    writeOverlay: (content) => {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      writeFileSync(localOverlayPath(directories.state), text);
    },
  };
}

/** The Failure that a call throws; anything else is thrown on, and no Failure is a fault of the test. */
export function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("it did not throw");
}
