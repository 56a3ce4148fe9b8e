import { generateKeyPairSync, sign } from "node:crypto";
import { openSession, sendTo } from "../adapters/kbs/send-to-kbs.ts";
import type { SendToKbs } from "../adapters/kbs/send-to-kbs.ts";
import { missing, ok } from "../core/check-result.ts";
import type { CheckResult } from "../core/check-result.ts";
import { trusteeIssuer, trusteeProfile } from "../core/kbs/ear-token.ts";
import { readProblem } from "../core/kbs/problem.ts";
import type { KbsProblem } from "../core/kbs/problem.ts";
import { protocolVersion, rcarReportData } from "../core/kbs/rcar.ts";
import { parseResourceId } from "../core/kbs/resource-id.ts";
import { teePublicKey } from "../core/kbs/tee-key.ts";
import type { TlsPin } from "../core/kbs/trust.ts";

export interface KeyBrokerCheck {
  readonly url: string;
  readonly pin: TlsPin;
  /** `repository/type/tag`: asked for, and never to be had here. */
  readonly resource: string;
  readonly now: () => Date;
  readonly signal?: AbortSignal;
}

const mostBytes = 1024 * 1024;

/**
 * What a key broker does with whoever can't attest: all that can be seen of it without a measured machine. It is only read, and
 * nothing that it might release is decrypted. Throws what the client throws where the broker can't be asked (KBS_…).
 */
export async function checkKeyBroker(check: KeyBrokerCheck): Promise<readonly CheckResult[]> {
  const send = sendTo(check);
  const resource = parseResourceId(check.resource);
  const first = await openSession(send, check.now());
  const second = await openSession(send, check.now());
  const distinct = first.session !== second.session && first.nonce !== second.nonce;
  return [
    ok("connection", `the pinned key broker answers, with a challenge of protocol ${protocolVersion}`),
    distinct
      ? ok("sessions", "two have nonces and identifiers of their own")
      : missing("sessions", "two have one nonce or identifier", "Do not attest to it: it is not Trustee."),
    judged("without a token", await asked(send, `resource/${resource}`, {}), "TokenNotFound", resource),
    judged(
      "with a token of one's own making",
      await asked(send, `resource/${resource}`, { authorization: `Bearer ${forgedToken(check.now())}` }),
      "TokenVerifierError",
      resource,
    ),
    await administration(send),
  ];
}

type Asked = KbsProblem | "given";

async function asked(send: SendToKbs, path: string, headers: Readonly<Record<string, string>>): Promise<Asked> {
  const { status, body } = await send({ method: "GET", path, headers, maxBytes: mostBytes });
  return status >= 200 && status < 300 ? "given" : readProblem(status, body);
}

/** Refused for the one reason: another one may mean that the token was believed, and something later refused. */
function judged(name: string, answer: Asked, expected: string, resource: string): CheckResult {
  const title = `${resource} ${name}`;
  if (answer !== "given" && answer.kind === expected) return ok(title, `refused (${expected})`);
  const remedy = "Set trusted_certs_paths and insecure_header_jwk = false, and publish the compiled resource policy.";
  return missing(title, answer === "given" ? "given" : `refused, but not by ${expected}: ${shown(answer)}`, remedy);
}

/** Its routes need an administrator's token; a gateway need not let them through at all. */
async function administration(send: SendToKbs): Promise<CheckResult> {
  const answer = await asked(send, "resource-policy", {});
  const name = "administration without a token";
  if (answer === "given") {
    const remedy = 'Set authorization_mode = "AuthenticatedAuthorization", and let no gateway reach it.';
    return missing(name, "the resource policy is given to anybody", remedy);
  }
  if (answer.kind === "AdminAuthAccess") return ok(name, "refused (AdminAuthAccess)");
  if ([403, 404].includes(answer.status)) return ok(name, `not reachable here: ${shown(answer)}`);
  return missing(name, `refused, but not by AdminAuthAccess: ${shown(answer)}`, "Look into the broker's log.");
}

const shown = ({ status, kind }: KbsProblem): string =>
  kind === undefined ? `HTTP ${status}` : `HTTP ${status}, ${kind}`;

/**
 * All that a good token has but its signer: it shows its own key in its header. A broker with `insecure_header_jwk` believes it
 * (kbs/docs/attestation_token_verification.md).
 */
function forgedToken(now: Date): string {
  const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const teeKey = teePublicKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
  const { kty, crv, x, y } = signer.publicKey.export({ format: "jwk" });
  const issued = Math.floor(now.getTime() / 1000);
  const nonce = Buffer.alloc(32).toString("base64");
  const evidence = {
    tdx: {},
    report_data: Buffer.from(rcarReportData(nonce, teeKey)).toString("hex"),
    runtime_data_claims: { nonce, "tee-pubkey": teeKey, "additional-evidence": "" },
  };
  const claims = {
    iss: trusteeIssuer,
    eat_profile: trusteeProfile,
    iat: issued,
    exp: issued + 60,
    submods: { cpu0: { "ear.status": "affirming", "ear.veraison.annotated-evidence": evidence } },
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
  const signed = `${part({ typ: "JWT", alg: "ES256", jwk: { kty, crv, x, y, alg: "ES256" } })}.${part(claims)}`;
  const key = { key: signer.privateKey, dsaEncoding: "ieee-p1363" } as const;
  return `${signed}.${sign("sha256", Buffer.from(signed, "ascii"), key).toString("base64url")}`;
}
