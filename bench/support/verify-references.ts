import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { createRegistryClient } from "../../src/adapters/registry/client.ts";
import { readYamlConfig } from "../../src/config/read-config.ts";
import { parseReference } from "../../src/core/release/reference.ts";
import { readTrustedRootFile } from "../../src/operations/read-trusted-root.ts";
import { verifyImage } from "../../src/operations/verify-image.ts";

/** Images that are verified at the same time: while one waits for the registry, another is computed. */
const concurrency = 4;

/** Verifies images under stack local; resolves to one line per image that was refused. */
export async function verifyReferences(
  references: readonly string[],
  checkout: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string[]> {
  const directories = directoriesOf(checkout, environment);
  const { policy, trustedRoot: path } = readYamlConfig("local", directories);
  const trustedRoot = readTrustedRootFile(path, directories.checkout);
  const client = createRegistryClient();
  const refused: string[] = [];
  const pending = references.values();
  const worker = async (): Promise<void> => {
    for (const text of pending) {
      const reference = parseReference(text);
      const { resolved, result } = await verifyImage(client, { reference, policy, trustedRoot, now: new Date() });
      if (!result.ok) refused.push(`${resolved}: ${result.findings.map(({ code }) => code).join(", ")}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return refused;
}
