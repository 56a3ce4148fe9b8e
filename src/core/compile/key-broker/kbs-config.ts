import { stringify } from "smol-toml";
import { places } from "./places.ts";
import { resourcePath } from "./rules.ts";
import type { BrokerResource } from "./rules.ts";

/** What decides the configuration beside the rules: how Trustee is laid out, and who administers it. */
export interface BrokerLayout {
  /** `built-in`: one process, a volume. `split`: KBS, attestation service and RVPS in each pod, a PostgreSQL. */
  readonly attestationService: "built-in" | "split";
  /** Minutes that an attestation result is good for. */
  readonly tokenMinutes: number;
  /** Intel's PCS or a PCCS: an https address. */
  readonly collateralService: string;
  /** `standard` waits for the date from which Intel asks for a recovery, `early` does not. */
  readonly tcbUpdate: "standard" | "early";
  /** What an administrator's token must say. */
  readonly admin: { readonly issuer: string; readonly audience: string; readonly role: string };
}

/** Configuration files of Trustee, as text. The last two are made for `split` only. */
export interface BrokerConfigs {
  /** TOML. */
  readonly kbs: string;
  /** JSON. */
  readonly attestationService?: string;
  /** JSON. */
  readonly referenceValues?: string;
}

/** Every endpoint that publication needs, spelt out; a path of `-`, `_`, `/` and letters needs no escape in a regex. */
export function adminEndpoints(resources: readonly BrokerResource[]): string {
  const paths = resources.map((resource) => `resource/${resourcePath(resource)}`).toSorted();
  return `^/kbs/v0/(attestation-policy|reference-value|resource-policy|${paths.join("|")})$`;
}

/** Trustee v0.21.0 (kbs/docs/config.md, admin.md, attestation_token_verification.md, attestation-service/docs/config.md). */
export function brokerConfigs(layout: BrokerLayout, resources: readonly BrokerResource[]): BrokerConfigs {
  const split = layout.attestationService === "split";
  const tokenBroker = {
    duration_min: layout.tokenMinutes,
    signer: { key_path: places.tokenKey, cert_path: places.tokenChain },
  };
  const verifiers = {
    dcap_verifier: { collateral_service: layout.collateralService, tcb_update_type: layout.tcbUpdate },
  };
  const store = split
    ? // The connection, with its password, comes in POSTGRES_URL, out of a Secret.
      { storage_type: "Postgres", backends: { postgres: {} } }
    : { storage_type: "LocalFs", backends: { local_fs: { dir_path: places.store } } };
  const kbs = {
    http_server: {
      sockets: [`0.0.0.0:${places.port}`],
      insecure_http: false,
      private_key: places.tlsKey,
      certificate: places.tlsCertificate,
      tls_profile: "modern",
      payload_request_size: 2,
    },
    attestation_token: { trusted_certs_paths: [places.tokenRoot], insecure_header_jwk: false },
    attestation_service: split
      ? { type: "coco_as_grpc", as_addr: `http://127.0.0.1:${places.attestationPort}` }
      : {
          type: "coco_as_builtin",
          attestation_token_broker: tokenBroker,
          verifier_config: verifiers,
          rvps_config: { type: "BuiltIn" },
        },
    admin: {
      authorization_mode: "AuthenticatedAuthorization",
      authentication: {
        bearer_jwt: {
          identity_providers: [
            { issuer: layout.admin.issuer, audience: layout.admin.audience, public_key_uri: places.adminPublicKey },
          ],
        },
      },
      authorization: {
        regex_acl: { acls: [{ role: layout.admin.role, allowed_endpoints: adminEndpoints(resources) }] },
      },
    },
    storage_backend: store,
    plugins: [{ name: "resource", storage_backend_type: "kvstorage" }],
  };
  const toml = `${stringify(kbs)}\n`;
  if (!split) return { kbs: toml };
  return {
    kbs: toml,
    attestationService: json({
      attestation_token_broker: tokenBroker,
      rvps_config: { type: "GrpcRemote", address: `http://127.0.0.1:${places.referencePort}` },
      storage_backend: store,
      verifier_config: verifiers,
    }),
    referenceValues: json({ extractors: {}, storage: store }),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
