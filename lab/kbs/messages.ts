/** One request to the lab's key broker, and its answer; the server reads and writes them. */
export interface KbsHttpRequest {
  readonly method: string;
  /** As it came: nothing is decoded, and no dot segment is taken out. */
  readonly path: string;
  readonly query: string;
  /** Empty where there is none, as the next one. */
  readonly cookie: string;
  readonly authorization: string;
  readonly body: Buffer;
}

export interface KbsHttpAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

export type KbsService = (request: KbsHttpRequest) => Promise<KbsHttpAnswer>;

export function json(value: unknown, headers: KbsHttpAnswer["headers"] = {}): KbsHttpAnswer {
  return { status: 200, type: "application/json", body: JSON.stringify(value), headers };
}

/** Names of KBS's errors that the lab's gives, with the status of v0.21.0 (kbs/src/error.rs). */
const problems = {
  AdminAuthAccess: [401, "admin access denied"],
  AttestationError: [401, "Attestation error: RCAR attest failed"],
  InvalidRequestPath: [404, "Request path is invalid"],
  JweError: [401, "JWE failed"],
  PluginInternalError: [401, "Plugin internal error"],
  PluginNotFound: [404, "Plugin not found"],
  PolicyDeny: [401, "Access denied by policy"],
  PolicyEngineError: [401, "Policy engine error"],
  TokenNotFound: [401, "Attestation Token not found"],
  TokenVerifierError: [401, "Token Verifier error"],
} as const satisfies Record<string, readonly [number, string]>;

/** RFC 7807, without a content type of its own, as KBS answers. */
export function problem(kind: keyof typeof problems): KbsHttpAnswer {
  const [status, detail] = problems[kind];
  const type = `https://github.com/confidential-containers/kbs/errors/${kind}`;
  return { status, body: JSON.stringify({ type, detail }) };
}
