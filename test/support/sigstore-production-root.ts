import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { readTrustedRoot } from "../../src/core/sigstore/trusted-root.ts";
import type { TrustedRootMaterial } from "../../src/core/sigstore/trusted-root.ts";

/** trusted_root.json of the public-good Sigstore, from the copy that `@sigstore/tuf` starts from. */
export function productionRootBytes(): Buffer {
  const seeds = JSON.parse(
    readFileSync(createRequire(import.meta.url).resolve("@sigstore/tuf/seeds.json"), "utf8"),
  ) as Record<string, { targets: Record<string, string> }>;
  const encoded = seeds["https://tuf-repo-cdn.sigstore.dev"]?.targets["trusted_root.json"];
  if (encoded === undefined) throw new Error("@sigstore/tuf holds no trusted root any more");
  return Buffer.from(encoded, "base64");
}

export function productionRoot(): TrustedRootMaterial {
  const root = readTrustedRoot(productionRootBytes());
  if (!root.ok) throw new Error(`the production root was refused: ${root.findings[0].found}`);
  return root.proof;
}
