import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runBounded } from "../../src/adapters/processes/run-bounded.ts";

/**
 * Policies, judged by Open Policy Agent, a process for each question. Trustee judges by regorus, another implementation of Rego;
 * the compiled policies use only what both have.
 */
export interface Rego {
  /** The value of a query; undefined where nothing is defined. Rejects when OPA does not take the policies. */
  readonly evaluate: (question: RegoQuestion) => Promise<unknown>;
  readonly close: () => void;
}

export interface RegoQuestion {
  readonly policies: readonly string[];
  readonly data: unknown;
  readonly input: unknown;
  readonly query: string;
}

/** Trustee gives its attestation policies this function: null for a name without reference values. */
export const referenceFunction = `package policy

import rego.v1

query_reference_value(name) := object.get(data.reference, name, null)
`;

/** OPA's files are in a private folder, which goes with `close`. */
export function openRego(opa: string): Rego {
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-kbs-rego-"));
  let asked = 0;
  return {
    evaluate: async ({ policies, data, input, query }) => {
      asked += 1;
      const own = mkdtempSync(join(folder, `${asked}-`));
      try {
        const files = policies.map((policy, index) => {
          const path = join(own, `policy-${index}.rego`);
          writeFileSync(path, policy);
          return path;
        });
        const dataFile = join(own, "data.json");
        writeFileSync(dataFile, JSON.stringify(data));
        const flags = [...files, dataFile].flatMap((file) => ["--data", file]);
        const output = await run(
          opa,
          ["eval", "--v1-compatible", "--stdin-input", ...flags, query],
          JSON.stringify(input),
        );
        const { result } = JSON.parse(output) as { result?: { expressions: { value: unknown }[] }[] };
        return result?.[0]?.expressions[0]?.value;
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    },
    close: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const patienceMilliseconds = 30_000;
const mostOutputBytes = 1024 * 1024;

async function run(program: string, args: readonly string[], input: string): Promise<string> {
  const signal = AbortSignal.timeout(patienceMilliseconds);
  const environment = { PATH: process.env["PATH"] };
  const { code, stdout } = await runBounded({
    program,
    args,
    input,
    environment,
    maxOutputBytes: mostOutputBytes,
    signal,
  });
  if (code === 0) return stdout.toString("utf8");
  throw new Error(`opa ended with ${code ?? "a signal"}: the policy is no Rego, or it can't be judged`);
}
