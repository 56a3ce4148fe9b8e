import { z } from "zod";
import { adminPublicKey } from "../../src/core/kbs/admin-token.ts";
import { teePublicKeySchema } from "../../src/core/kbs/tee-key.ts";
import {
  administrator,
  setAttestationPolicy,
  setReferenceValues,
  setResource,
  setResourcePolicy,
} from "./administration.ts";
import { claimsOfOwn, tokenIssuer } from "./attestation-token.ts";
import type { TokenIssuer } from "./attestation-token.ts";
import type { KbsAuthority } from "./authority.ts";
import { readKbsConfiguration } from "./configuration.ts";
import type { KbsConfiguration } from "./configuration.ts";
import { encryptResource } from "./encrypt-resource.ts";
import { attest, authenticate, sessionOf } from "./handshake.ts";
import type { KbsSession } from "./handshake.ts";
import type { KbsHttpAnswer, KbsHttpRequest, KbsService } from "./messages.ts";
import { json, problem } from "./messages.ts";
import type { Rego } from "./rego.ts";
import type { KbsVerification } from "./verification.ts";

/** What the lab's key broker holds while it runs. Nothing is kept: a broker that starts again is published to again. */
export interface KbsState {
  readonly configuration: KbsConfiguration;
  readonly verification: KbsVerification;
  readonly rego: Rego;
  readonly issuer: TokenIssuer;
  readonly adminPublicKey: string;
  readonly sessionMinutes: number;
  readonly now: () => Date;
  readonly log: (line: string) => void;
  readonly sessions: Map<string, KbsSession>;
  readonly attestationPolicies: Map<string, string>;
  readonly referenceValues: Map<string, readonly string[]>;
  /** Bytes by `repository/type/tag`. */
  readonly resources: Map<string, Buffer>;
  resourcePolicy: string | undefined;
}

export interface KbsServiceOptions {
  readonly authority: KbsAuthority;
  /** TOML, as it is compiled (src/core/compile/key-broker). */
  readonly configuration: string;
  readonly verification: KbsVerification;
  readonly rego: Rego;
  readonly now?: () => Date;
  /** Trustee's default is 5. */
  readonly sessionMinutes?: number;
  /** What a broker's log says; it holds no token and no resource. */
  readonly log?: (line: string) => void;
}

/**
 * A KBS that speaks Trustee's protocol (RCAR 0.4.0) and enforces the policies that are published to it by real Rego. It has no
 * policy of its own: until something was published, it attests nobody and releases nothing.
 */
export function makeKbsService(options: KbsServiceOptions): KbsService {
  const { authority } = options;
  const state: KbsState = {
    configuration: readKbsConfiguration(options.configuration),
    verification: options.verification,
    rego: options.rego,
    issuer: tokenIssuer(authority.tokenKey, authority.tokenChain),
    adminPublicKey: adminPublicKey(authority.adminKey),
    sessionMinutes: options.sessionMinutes ?? 5,
    now: options.now ?? (() => new Date()),
    log: options.log ?? (() => undefined),
    sessions: new Map(),
    attestationPolicies: new Map(),
    referenceValues: new Map(),
    resources: new Map(),
    resourcePolicy: undefined,
  };
  return (request) => route(state, request);
}

type Handler = (state: KbsState, request: KbsHttpRequest) => KbsHttpAnswer;

const administration: Readonly<Record<string, Handler>> = {
  "POST /kbs/v0/attestation-policy": setAttestationPolicy,
  "POST /kbs/v0/resource-policy": setResourcePolicy,
  "GET /kbs/v0/resource-policy": ({ resourcePolicy = "" }) => ({ status: 200, type: "text/xml", body: resourcePolicy }),
  "POST /kbs/v0/reference-value": setReferenceValues,
};

async function route(state: KbsState, request: KbsHttpRequest): Promise<KbsHttpAnswer> {
  const { method, path, body } = request;
  if (path === "/healthz" && method === "GET") return { status: 200, body: "" };
  if (!path.startsWith("/kbs/v0/")) return { status: 404, body: "" };
  if (body.length > state.configuration.mostBodyBytes) {
    return { status: 413, body: "A payload reached size limit." };
  }
  if (path === "/kbs/v0/auth" && method === "POST") return authenticate(state, request);
  if (path === "/kbs/v0/attest" && method === "POST") return attest(state, request);
  const resource = /^\/kbs\/v0\/resource\/(.+)$/.exec(path)?.[1];
  if (resource !== undefined && method === "GET") return release(state, request, resource);
  const handler = administration[`${method} ${path}`];
  const publishes = resource !== undefined && method === "POST";
  if (handler === undefined && !publishes) return problem("PluginNotFound");
  // Everything else is an administrator's.
  if ((await administrator(state, request)) === undefined) {
    state.log(`administrator refused: ${method} ${path}`);
    return problem("AdminAuthAccess");
  }
  return handler?.(state, request) ?? setResource(state, request, resource ?? "");
}

const runtimeData = z.object({ "tee-pubkey": teePublicKeySchema });
const evidence = z.object({ "ear.veraison.annotated-evidence": z.object({ runtime_data_claims: runtimeData }) });
const tokenSchema = z.object({ submods: z.object({ cpu0: evidence }) });

/** GET resource: a session's token, or the bearer's; the resource policy; then the resource, to the attested key. */
async function release(state: KbsState, request: KbsHttpRequest, name: string): Promise<KbsHttpAnswer> {
  const bearer = /^Bearer (\S+)$/.exec(request.authorization)?.[1];
  const token = sessionOf(state, request)?.token ?? bearer;
  if (token === undefined) return problem("TokenNotFound");
  const claims = claimsOfOwn(token, state.issuer, state.now());
  if (claims === undefined) return problem("TokenVerifierError");
  const path = name.split("/");
  if (path.length !== 3) return problem("InvalidRequestPath");
  if (!(await isAllowed(state, claims, path, request.query))) {
    state.log(`policy denied: ${name}`);
    return problem("PolicyDeny");
  }
  const resource = state.resources.get(name);
  if (resource === undefined) return problem("PluginInternalError");
  const found = tokenSchema.safeParse(claims);
  if (!found.success) return problem("TokenVerifierError");
  const { runtime_data_claims: attested } = found.data.submods.cpu0["ear.veraison.annotated-evidence"];
  return json(encryptResource(resource, attested["tee-pubkey"]));
}

async function isAllowed(state: KbsState, claims: unknown, path: readonly string[], query: string): Promise<boolean> {
  if (state.resourcePolicy === undefined) return false;
  const data = {
    plugin: "resource",
    "resource-path": path,
    query: Object.fromEntries(new URLSearchParams(query)),
    method: "GET",
  };
  const question = { policies: [state.resourcePolicy], data, input: claims, query: "data.policy.allow" };
  const allowed = await state.rego.evaluate(question).catch(() => false);
  return allowed === true;
}
