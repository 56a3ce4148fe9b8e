import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parseDocument, stringify } from "yaml";
import type { CommandContext } from "../../src/cli/context.ts";
import { localStackText, stackFiles, stagingConfig } from "./stack-files.ts";
import type { StackFiles } from "./stack-files.ts";

/** A folder with stacks, pins and programs of a test's own, and nothing of this machine's. */
export interface OperateRig extends StackFiles {
  readonly checkout: string;
  /** A shell script under that name, the only thing on PATH besides the others; its calls are kept. */
  readonly program: (name: string, body: string) => void;
  /** The arguments of each call of a program, a line each. */
  readonly calls: (name: string) => string[];
  readonly context: (environment?: Readonly<Record<string, string>>) => CommandContext;
  readonly stackText: (stack: string) => string;
}

export function operateRig(t: TestContext): OperateRig {
  const files = stackFiles(t);
  const { checkout } = files.directories;
  const bin = join(checkout, "bin");
  mkdirSync(bin);
  const own = join(import.meta.dirname, "..", "..", "pins.yaml");
  writeFileSync(join(checkout, "pins.yaml"), readFileSync(own));
  return {
    ...files,
    checkout,
    program: (name, body) => {
      const script = `#!/bin/sh\necho "$*" >> '${join(checkout, `${name}.calls`)}'\n${body}\n`;
      writeFileSync(join(bin, name), script, { mode: 0o755 });
    },
    calls: (name) => {
      try {
        return readFileSync(join(checkout, `${name}.calls`), "utf8")
          .trimEnd()
          .split("\n");
      } catch {
        return [];
      }
    },
    context: (environment = {}) => ({
      directories: files.directories,
      environment: { PATH: bin, HOME: checkout, ...environment },
      now: () => new Date("2026-11-26T00:00:00Z"),
      signal: new AbortController().signal,
      progress: () => undefined,
    }),
    stackText: (stack) => readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8"),
  };
}

/** The file of a stack `staging`, with an encrypted token and a key in Cloud KMS unless `root` says otherwise. */
export function stagingText(
  changes: Readonly<Record<string, unknown>> = {},
  root: Readonly<Record<string, unknown>> = {
    secretsprovider: "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
  },
): string {
  return stringify({
    ...root,
    config: stagingConfig({ githubToken: { secure: "v1:abc" }, signerRelease: undefined, ...changes }),
  });
}

/**
 * The file of a stack `platform` as people write it, with comments and with settings in braces: stack local's, without what
 * the lab has.
 */
export function platformText(): string {
  const document = parseDocument(localStackText());
  const at = (key: string, ...rest: readonly string[]) => ["config", `neko-trust:${key}`, ...rest];
  const labOnly = ["release", "signerRelease", "confidentialSigner", "keyBroker", "buildRunners", "admissionPolicies"];
  for (const key of labOnly) document.deleteIn(at(key));
  document.setIn(at("policy", "environment"), "staging");
  document.setIn(at("policy", "roots", "sigstore", "sha256"), "a".repeat(64));
  document.setIn(at("policy", "roots", "sigstore", "fetched"), "2026-11-01T00:00:00Z");
  document.setIn(at("clusters"), []);
  return document.toString({ lineWidth: 0 });
}

/** A kubeconfig for an API server on loopback. */
export function plainKubeconfig(server: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    // The official client speaks plain HTTP only where TLS would not be checked.
    clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "cluster-secret" } }],
    contexts: [
      { name: "first", context: { cluster: "c", user: "u" } },
      { name: "second", context: { cluster: "c", user: "u" } },
    ],
    "current-context": "first",
  });
}
