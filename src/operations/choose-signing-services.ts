import { readRegularFile } from "../adapters/files/read-regular-file.ts";
import { Failure, reasonOf } from "../core/failure.ts";
import { readSigningConfig } from "../core/sigstore/signing-config.ts";
import { publicGoodServices } from "../core/sigstore/signing-services.ts";
import type { SigningServices } from "../core/sigstore/signing-services.ts";
import { maxTrustBytes } from "./read-file.ts";

/** Services as the command line names them: a file, or URLs, or nothing. */
export interface ServiceOptions {
  /** Path of a signing_config.json. */
  readonly signingConfig?: string;
  readonly fulcioUrl?: string;
  readonly rekorUrl?: string;
  readonly rekorVersion?: 1 | 2;
  readonly tsaUrl?: string;
}

/** Keyless signing needs a certificate authority; a key of one's own doesn't, and none is chosen for it. */
export type SigningManner = "keyless" | "key";

/**
 * The services to sign with: those of the file; else the URLs that are named, all of one instance; else Sigstore's public
 * good instance. The two ways are never mixed. Throws SIGNING_SERVICES_AMBIGUOUS, SIGNING_CONFIG_UNREADABLE and what
 * readSigningConfig throws.
 */
export function chooseSigningServices(options: ServiceOptions, manner: SigningManner, now: Date): SigningServices {
  const { fulcioUrl, ...others } = chooseServices(options, manner, now);
  return manner === "keyless" && fulcioUrl !== undefined ? { fulcioUrl, ...others } : others;
}

function chooseServices(options: ServiceOptions, manner: SigningManner, now: Date): SigningServices {
  const { signingConfig, fulcioUrl, rekorUrl, rekorVersion, tsaUrl } = options;
  const named = [fulcioUrl, rekorUrl, rekorVersion, tsaUrl].filter((value) => value !== undefined).length;
  if (signingConfig !== undefined) {
    if (named > 0) throw ambiguous("both a signing configuration and single services are named");
    return readSigningConfig(readConfigFile(signingConfig), now, signingConfig);
  }
  if (named === 0) return publicGoodServices;
  // A token of one instance must not go to another's services because a URL was left out.
  if (rekorUrl === undefined || (fulcioUrl === undefined && manner === "keyless")) {
    throw ambiguous("only some of the services of a Sigstore instance are named");
  }
  return {
    ...(fulcioUrl === undefined ? {} : { fulcioUrl }),
    rekor: [{ url: rekorUrl, version: rekorVersion ?? 1 }],
    tsaUrls: tsaUrl === undefined ? [] : [tsaUrl],
  };
}

function ambiguous(what: string): Failure {
  return new Failure({
    code: "SIGNING_SERVICES_AMBIGUOUS",
    kind: "usage",
    message: `It isn't clear which services to sign with: ${what}.`,
    remedy:
      "Give --signing-config alone, or --rekor-url with --fulcio-url (not needed with --key) and --tsa-url (--rekor-version 2 for Rekor v2), or nothing for Sigstore's public instance.",
  });
}

function readConfigFile(path: string): Uint8Array {
  try {
    return readRegularFile(path, maxTrustBytes);
  } catch (error) {
    throw new Failure(
      {
        code: "SIGNING_CONFIG_UNREADABLE",
        kind: "usage",
        message: `The signing configuration ${path} can't be read: ${reasonOf(error)}.`,
        remedy:
          "Name a signing_config.json, as TUF delivers it beside trusted_root.json; the lab's is named by neko-trust status.",
      },
      { cause: error },
    );
  }
}
