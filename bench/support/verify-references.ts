import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { parseReference } from "../../src/core/release/reference.ts";
import { readPolicyFile } from "../../src/operations/read-policy-file.ts";
import { readTrustedRootFile } from "../../src/operations/read-trusted-root.ts";
import { verifyImage } from "../../src/operations/verify-image.ts";

/** Images that are verified at the same time: while one waits for the registry, another is computed. */
const concurrency = 4;

/** Verifies images under a policy and a root that are files; resolves to one line per image that was refused. */
export async function verifyReferences(
  references: readonly string[],
  files: { readonly policy: string; readonly trustedRoot: string },
): Promise<string[]> {
  const policy = readPolicyFile(files.policy);
  const trustedRoot = readTrustedRootFile(files.trustedRoot, process.cwd());
  const client = createRegistryClient();
  const refused: string[] = [];
  const pending = references.values();
  const worker = async (): Promise<void> => {
    for (const text of pending) {
      const reference = parseReference(text);
      const { resolved, result } = await verifyImage(client, {
        reference,
        policy,
        trustedRoot,
        now: new Date(),
        tee: undefined,
      });
      if (!result.ok) refused.push(`${resolved}: ${result.findings.map(({ code }) => code).join(", ")}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return refused;
}
