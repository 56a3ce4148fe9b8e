import type { SigstoreUrls } from "./server.ts";

/** Files beside trusted_root.json; the first signs as Sigstore's public instance does, the second with Rekor v2. */
export const signingConfigNames = { rekorV1: "signing_config.json", rekorV2: "signing_config.rekor-v2.json" } as const;

/** signing_config.json v0.2 of the lab's services, which `sign-image --signing-config` and cosign take. */
export function writeSigningConfig(urls: SigstoreUrls, rekorVersion: 1 | 2, start: Date): string {
  const service = (url: string, majorApiVersion: number) => ({
    url,
    majorApiVersion,
    validFor: { start: start.toISOString() },
    operator: "neko-lab",
  });
  const config = {
    mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    caUrls: [service(urls.fulcio, 1)],
    oidcUrls: [],
    rekorTlogUrls: [service(rekorVersion === 1 ? urls.rekorV1 : urls.rekorV2, rekorVersion)],
    tsaUrls: [service(urls.tsa, 1)],
    rekorTlogConfig: { selector: "ANY" },
    tsaConfig: { selector: "ANY" },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
