import { readFileSync, statSync } from "node:fs";
import { Failure, reasonOf } from "../core/failure.ts";
import { readSigningKey } from "../core/sigstore/signing-key.ts";
import type { SigningKey } from "../core/sigstore/signing-key.ts";

const variablePrefix = "env://";

/**
 * Reads the key that `--key` names: a file, or `env://NAME` for a variable of the environment that holds the PEM itself.
 * The passphrase is COSIGN_PASSWORD's. Throws SIGNING_KEY_UNREADABLE, SIGNING_KEY_EXPOSED (a file that others may read
 * is a key that others may have) and what readSigningKey throws.
 */
export function readKey(place: string, environment: Readonly<Record<string, string | undefined>>): SigningKey {
  const passphrase = environment["COSIGN_PASSWORD"];
  if (!place.startsWith(variablePrefix)) return readSigningKey(readPrivateFile(place), passphrase, place);
  const variable = place.slice(variablePrefix.length);
  const pem = environment[variable];
  if (pem !== undefined && pem !== "") return readSigningKey(pem, passphrase, `$${variable}`);
  throw new Failure({
    code: "SIGNING_KEY_UNREADABLE",
    kind: "usage",
    message: `The environment has no variable ${variable === "" ? "without a name" : variable}.`,
    remedy: "Set it to the private key's PEM, or name a file.",
  });
}

function readPrivateFile(path: string): string {
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) {
      throw new Failure({
        code: "SIGNING_KEY_EXPOSED",
        kind: "usage",
        message: `Others than its owner may use the private key ${path} (mode ${(mode & 0o777).toString(8)}).`,
        remedy: `Run: chmod 600 ${path} (and make a new key if somebody else could have read it).`,
      });
    }
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(
      {
        code: "SIGNING_KEY_UNREADABLE",
        kind: "usage",
        message: `The private key ${path} can't be read: ${reasonOf(error)}.`,
        remedy: "Name the file of a PKCS#8 key or of `cosign generate-key-pair`.",
      },
      { cause: error },
    );
  }
}
