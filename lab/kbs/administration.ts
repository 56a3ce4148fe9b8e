import { createPublicKey } from "node:crypto";
import { jwtVerify } from "jose";
import { z } from "zod";
import type { KbsHttpAnswer, KbsHttpRequest } from "./messages.ts";
import { problem } from "./messages.ts";
import type { KbsState } from "./service.ts";

/**
 * The administrator's routes (kbs/docs/admin.md): a token by the one key, of a known issuer and audience, whose role may use
 * exactly this endpoint. Undefined for whoever else asks.
 */
export async function administrator(
  state: KbsState,
  { authorization, path }: KbsHttpRequest,
): Promise<string | undefined> {
  const token = /^Bearer ([A-Za-z0-9._-]+)$/.exec(authorization)?.[1];
  if (token === undefined) return undefined;
  const key = createPublicKey(state.adminPublicKey);
  for (const { issuer, audience } of state.configuration.administrators) {
    const options = { issuer, audience, algorithms: ["EdDSA"], currentDate: state.now(), requiredClaims: ["exp"] };
    const verified = await jwtVerify(token, key, options).catch(() => undefined);
    const role = verified?.payload["role"];
    const may = state.configuration.rights.some((one) => one.role === role && one.endpoints.test(path));
    if (typeof role === "string" && may) return role;
  }
  return undefined;
}

const done: KbsHttpAnswer = { status: 200, body: "" };

const attestationPolicySchema = z.object({ policy_id: z.string().min(1), policy: z.base64url() });
const resourcePolicySchema = z.object({ policy: z.base64url() });
const referenceSchema = z.object({ version: z.literal("0.1.0"), type: z.literal("sample"), payload: z.base64() });
const valuesSchema = z.record(z.string(), z.array(z.string()));

/** POST attestation-policy. Trustee keeps what it is given; whether it is Rego shows when it is asked. */
export function setAttestationPolicy(state: KbsState, { body }: KbsHttpRequest): KbsHttpAnswer {
  const message = attestationPolicySchema.safeParse(parsed(body));
  if (!message.success) return problem("AttestationError");
  state.attestationPolicies.set(message.data.policy_id, textOf(message.data.policy, "base64url"));
  return done;
}

/** POST resource-policy: there is one. */
export function setResourcePolicy(state: KbsState, { body }: KbsHttpRequest): KbsHttpAnswer {
  const message = resourcePolicySchema.safeParse(parsed(body));
  if (!message.success) return problem("PolicyEngineError");
  state.resourcePolicy = textOf(message.data.policy, "base64url");
  return done;
}

/** POST reference-value: RVPS's extractor `sample`; each name is overwritten. */
export function setReferenceValues(state: KbsState, { body }: KbsHttpRequest): KbsHttpAnswer {
  const message = referenceSchema.safeParse(parsed(body));
  const payload = message.success ? parsed(Buffer.from(message.data.payload, "base64")) : undefined;
  const values = valuesSchema.safeParse(payload);
  if (!values.success) return problem("AttestationError");
  for (const [name, value] of Object.entries(values.data)) state.referenceValues.set(name, value);
  return done;
}

export function setResource(state: KbsState, { body }: KbsHttpRequest, name: string): KbsHttpAnswer {
  state.resources.set(name, Buffer.from(body));
  return done;
}

const textOf = (encoded: string, encoding: "base64url" | "base64"): string =>
  Buffer.from(encoded, encoding).toString("utf8");

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}
