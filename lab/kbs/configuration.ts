import { parse } from "smol-toml";
import { z } from "zod";

/** What the lab's key broker takes out of a KBS configuration (TOML): the compiled one, or one that a stack gave. */
export interface KbsConfiguration {
  readonly tokenMinutes: number;
  readonly mostBodyBytes: number;
  readonly administrators: readonly { readonly issuer: string; readonly audience: string }[];
  readonly rights: readonly { readonly role: string; readonly endpoints: RegExp }[];
}

const schema = z.object({
  http_server: z.object({ payload_request_size: z.number().default(2) }),
  attestation_service: z.object({
    attestation_token_broker: z.object({ duration_min: z.int().default(5) }).prefault({}),
  }),
  admin: z.object({
    authorization_mode: z.literal("AuthenticatedAuthorization"),
    authentication: z.object({
      bearer_jwt: z.object({ identity_providers: z.array(z.object({ issuer: z.string(), audience: z.string() })) }),
    }),
    authorization: z.object({
      regex_acl: z.object({ acls: z.array(z.object({ role: z.string(), allowed_endpoints: z.string() })) }),
    }),
  }),
});

/** Throws what the parsers throw: the compiler's configuration is read, and nobody else's without its lint. */
export function readKbsConfiguration(toml: string): KbsConfiguration {
  const { http_server: server, attestation_service: service, admin } = schema.parse(parse(toml));
  return {
    tokenMinutes: service.attestation_token_broker.duration_min,
    mostBodyBytes: server.payload_request_size * 1024 * 1024,
    administrators: admin.authentication.bearer_jwt.identity_providers,
    rights: admin.authorization.regex_acl.acls.map(({ role, allowed_endpoints: endpoints }) => ({
      role,
      endpoints: new RegExp(endpoints),
    })),
  };
}
