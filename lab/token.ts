import { existsSync } from "node:fs";
import { Failure } from "../src/core/failure.ts";
import type { LabContext, LabReport } from "./context.ts";
import { placesOf, serviceNames } from "./places.ts";
import { serviceStatus } from "./processes/service.ts";
import { labRun, sampleOf, sampleVersion } from "./publish-sample.ts";
import { loadOrCreateMaterial } from "./sigstore/authority-material.ts";
import { identityOf, issueToken, workflowClaims } from "./sigstore/issue-token.ts";

/**
 * `neko-trust lab token`: a token of the lab's issuer for the run that stack local trusts, of the sample release's tag and
 * commit unless told otherwise. Throws LAB_NOT_RUNNING, LAB_TOKEN_USAGE.
 */
export async function labToken(
  context: LabContext,
  options: { readonly ref?: string; readonly sha?: string },
): Promise<LabReport> {
  const { directories } = context;
  const { sigstore, signingConfig } = placesOf(directories);
  if (serviceStatus(serviceNames.sigstore, directories.run).state !== "running" || !existsSync(signingConfig)) {
    throw new Failure({
      code: "LAB_NOT_RUNNING",
      kind: "unavailable",
      message: "The lab's Sigstore is not running, so that a token of its issuer is worth nothing.",
      remedy: "Start it with: make up",
    });
  }
  const version = sampleVersion(directories.checkout);
  const { ref = `refs/tags/v${version}` } = options;
  const sha = options.sha ?? (await sampleOf(directories.checkout, version)).manifest.source.commit;
  if (!/^refs\/(?:heads|tags)\/[^\s@]+$/.test(ref) || !/^[0-9a-f]{40}$/.test(sha)) {
    throw new Failure({
      code: "LAB_TOKEN_USAGE",
      kind: "usage",
      message: "A run has a full ref and a full commit.",
      remedy: "Write --ref refs/tags/v1.0.0 (or refs/heads/main) and --sha with 40 lower-case hex digits.",
    });
  }
  const { keys } = loadOrCreateMaterial(sigstore, { now: context.now() });
  const claims = workflowClaims({ ...labRun, ref, sha });
  const token = issueToken(keys.issuer.privateKey, claims, context.now());
  const { issuer, subject } = identityOf(claims);
  return { healthy: true, lines: [token], document: { ok: true, token, issuer, identity: subject, ref, sha } };
}
