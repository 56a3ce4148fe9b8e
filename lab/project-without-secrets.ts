import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { isScalar, parseDocument, visit } from "yaml";
import { stackFile } from "../src/config/read-config.ts";
import { writeWhole } from "../src/adapters/files/write-whole.ts";

/** Where a stack says how its secrets are encrypted (Pulumi's ProjectStack). */
const encryption = ["encryptionsalt", "encryptedkey", "secretsprovider"];

/** What an encrypted value becomes: text, so that the plan goes on, and nothing that anyone takes for a credential. */
export const secretPlaceholder = "not-a-credential";

/**
 * Writes Pulumi.yaml and one stack's settings to `folder`, the settings without their encryption: an offline preview
 * has neither the passphrase nor the key service that would decrypt them, and needs no secret. Returns `folder`.
 */
export function projectWithoutSecrets(checkout: string, stack: string, folder: string): string {
  const file = stackFile(stack);
  const settings = parseDocument(readFileSync(join(checkout, file), "utf8"));
  for (const key of encryption) settings.delete(key);
  visit(settings, {
    Map: (_key, node) => {
      const [only, ...others] = node.items;
      // `{ secure: v1:… }` is how Pulumi writes an encrypted value, at any depth.
      const encrypted = others.length === 0 && only !== undefined && isScalar(only.key) && only.key.value === "secure";
      return encrypted ? settings.createNode(secretPlaceholder) : undefined;
    },
  });
  mkdirSync(dirname(join(folder, file)), { recursive: true, mode: 0o700 });
  copyFileSync(join(checkout, "Pulumi.yaml"), join(folder, "Pulumi.yaml"));
  writeWhole(join(folder, file), settings.toString());
  return folder;
}
