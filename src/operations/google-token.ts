import { findProgram } from "../adapters/processes/find-program.ts";
import { runBounded } from "../adapters/processes/run-bounded.ts";
import { couldNotAsk, missing } from "../core/check-result.ts";
import type { CheckResult } from "../core/check-result.ts";
import { isLoopbackUrl } from "../core/loopback.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export const signIn = "gcloud auth application-default login";
export const credentials = "google credentials";
const title = credentials;

export type GoogleToken =
  | { readonly kind: "found"; readonly token: string; readonly from: string }
  | { readonly kind: "none"; readonly check: CheckResult };

/** As the provider finds one: the variable for a token, else application default credentials, which gcloud reads. */
export async function accessToken(environment: Environment, signal: AbortSignal): Promise<GoogleToken> {
  const given = environment["GOOGLE_OAUTH_ACCESS_TOKEN"];
  if (given !== undefined && given !== "") {
    return { kind: "found", token: given.trim(), from: "GOOGLE_OAUTH_ACCESS_TOKEN" };
  }
  const none = (check: CheckResult): GoogleToken => ({ kind: "none", check });
  const program = findProgram("gcloud", environment);
  if (program === undefined) {
    return none(
      couldNotAsk(
        title,
        "gcloud is not on PATH",
        `Install Google's command line (https://cloud.google.com/sdk), then: ${signIn}`,
      ),
    );
  }
  const { code, stdout, lastLines } = await runBounded({
    program,
    args: ["auth", "application-default", "print-access-token"],
    environment: { ...environment, CLOUDSDK_CORE_DISABLE_PROMPTS: "1" },
    maxOutputBytes: 64 * 1024,
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  }).catch(() => ({ code: -1, stdout: Buffer.alloc(0), lastLines: ["it gave no answer"] }));
  const token = stdout.toString("utf8").trim();
  if (code === 0 && /^[\x21-\x7e]+$/.test(token)) return { kind: "found", token, from: "gcloud" };
  const [why = "no credentials"] = lastLines.filter((line) => line.startsWith("ERROR")).concat(lastLines);
  return none(missing(title, `gcloud has none: ${why.slice(0, 200)}`, signIn));
}

/** An API of Google, or what gcloud's own variable for another endpoint names, where that has TLS or is this machine. */
export function googleApi(name: string, environment: Environment): string {
  const given = environment[`CLOUDSDK_API_ENDPOINT_OVERRIDES_${name.toUpperCase()}`];
  const url = given === undefined ? null : URL.parse(given);
  const safe = url !== null && (url.protocol === "https:" || isLoopbackUrl(url));
  return safe ? url.href.replace(/\/$/, "") : `https://${name}.googleapis.com`;
}
