import { legible } from "../legible.ts";
import { isTable } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/**
 * Every key of Trustee v0.21.0 that this lint understands, with the type of its value. A key that is not listed is refused:
 * KBS may read it, and nobody here knows what it does.
 */
type Shape = "text" | "texts" | "number" | "flag" | Tables | readonly [Tables];
interface Tables {
  readonly [key: string]: Shape;
}

const postgres = { host: "text", port: "number", db: "text", username: "text", password: "text" } as const;
const signer = { key_path: "text", cert_path: "text", cert_url: "text" } as const;

const shape: Tables = {
  session_storage_type: "text",
  http_server: {
    sockets: "texts",
    insecure_http: "flag",
    private_key: "text",
    certificate: "text",
    payload_request_size: "number",
    worker_count: "number",
    tls_profile: "text",
    tls_min_version: "text",
    tls_max_version: "text",
    tls_ciphers: "text",
    tls_groups: "text",
  },
  attestation_token: {
    trusted_jwk_sets: "texts",
    trusted_certs_paths: "texts",
    extra_teekey_paths: "texts",
    insecure_header_jwk: "flag",
  },
  attestation_service: {
    type: "text",
    timeout: "number",
    as_addr: "text",
    pool_size: "number",
    attestation_token_broker: {
      duration_min: "number",
      issuer_name: "text",
      developer_name: "text",
      build_name: "text",
      profile_name: "text",
      verbose_token: "flag",
      signer,
    },
    // Other verifiers have findings of their own.
    verifier_config: {
      dcap_verifier: { collateral_service: "text", use_secure_cert: "flag", tcb_update_type: "text" },
    },
    rvps_config: { type: "text", address: "text", storage_type: "text", extractors: {} },
  },
  admin: {
    authorization_mode: "text",
    authentication: {
      bearer_jwt: {
        identity_providers: [{ issuer: "text", audience: "text", public_key_uri: "text", jwk_set_uri: "text" }],
        insecure_public_key_from_uri: "flag",
        insecure_header_jwk: "flag",
      },
    },
    authorization: { regex_acl: { acls: [{ role: "text", allowed_endpoints: "text" }] } },
  },
  storage_backend: {
    storage_type: "text",
    backends: { local_fs: { dir_path: "text" }, local_json: { file_dir_path: "text" }, postgres },
  },
  plugins: [{ name: "text", storage_backend_type: "text" }],
};

/** Checked by a rule with a code of its own, so that it says more than "unknown". */
const checkedElsewhere = new Set(["attestation_service.verifier_config", "attestation_service.rvps_config.extractors"]);

/** Keys of earlier versions, which samples and operators still show: v0.21.0 ignores them or takes them for something else. */
const old: Readonly<Record<string, string>> = {
  "attestation_token.insecure_key": "Write insecure_header_jwk = false.",
  "admin.type": "Write authorization_mode, which is what is read.",
  "admin.insecure_api": "Remove it, and write authorization_mode.",
  "admin.auth_public_key": "Name the key as admin.authentication.bearer_jwt.identity_providers[].public_key_uri.",
  "admin.admin_backend": "Write authorization_mode.",
  policy_engine: "Remove it: the resource policy lies in the storage backend, and is posted.",
  repository_config: 'Write [[plugins]] with name = "resource".',
  "plugins.*.type": 'Write storage_backend_type = "kvstorage".',
  "plugins.*.dir_path": "Name the folder as storage_backend.backends.local_fs.dir_path.",
  "attestation_service.policy_ids": "Remove it: the policy's id is default_cpu.",
  "attestation_service.work_dir": "Remove it: storage_backend says where state lies.",
  "attestation_service.policy_engine": "Remove it.",
  "attestation_service.rvps_config.store_type": "Write storage_backend.storage_type.",
  "attestation_service.rvps_config.store_config": "Write storage_backend.backends.",
  "attestation_service.rvps_config.storage": "Write storage_backend.",
  "attestation_service.attestation_token_broker.type": "Remove it: the token is always an EAR.",
  "attestation_service.attestation_token_broker.policy_dir": "Remove it: policies lie in the storage backend.",
  insecure_http: "Write it under [http_server], as false.",
  insecure_api: "Write authorization_mode under [admin].",
  sockets: "Write it under [http_server].",
  private_key: "Write it under [http_server].",
  certificate: "Write it under [http_server].",
  auth_public_key: "Name the key as admin.authentication.bearer_jwt.identity_providers[].public_key_uri.",
};

export function lintKeys(document: Table, report: Report): void {
  walk(document, shape, "", "", report);
}

function walk(table: Table, tables: Tables, path: string, pattern: string, report: Report): void {
  for (const [key, value] of Object.entries(table)) {
    const at = path === "" ? legible(key) : `${path}.${legible(key)}`;
    const as = pattern === "" ? key : `${pattern}.${key}`;
    const expected = Object.hasOwn(tables, key) ? tables[key] : undefined;
    if (expected !== undefined) {
      judge(value, expected, at, as, report);
    } else if (checkedElsewhere.has(pattern)) {
      continue;
    } else if (Object.hasOwn(old, as)) {
      report("KEY_OLD", at, "An earlier version of KBS had this key; v0.21.0 does not do what it says.", old[as] ?? "");
    } else {
      const remedy = "Remove it, or correct its name; what a newer KBS reads has to be looked at here first.";
      report("KEY_UNKNOWN", at, "Nobody here knows what this key does.", remedy);
    }
  }
}

function judge(value: unknown, expected: Shape, at: string, as: string, report: Report): void {
  const wrong = (wanted: string): void => {
    report(
      "VALUE_OF_OTHER_TYPE",
      at,
      `It must be ${wanted}; something else may be read as its default.`,
      "Correct it.",
    );
  };
  if (isListOfTables(expected)) {
    if (!Array.isArray(value) || !value.every(isTable)) {
      wrong("a list of tables");
      return;
    }
    for (const [index, entry] of value.entries()) walk(entry, expected[0], `${at}.${index}`, `${as}.*`, report);
  } else if (typeof expected === "object") {
    if (isTable(value)) walk(value, expected, at, as, report);
    else wrong("a table");
  } else if (!matches[expected](value)) {
    wrong(words[expected]);
  }
}

function isListOfTables(expected: Shape): expected is readonly [Tables] {
  return Array.isArray(expected);
}

const matches = {
  text: (value: unknown) => typeof value === "string",
  texts: (value: unknown) => Array.isArray(value) && value.every((entry) => typeof entry === "string"),
  number: (value: unknown) => typeof value === "number" && Number.isSafeInteger(value) && value > 0,
  flag: (value: unknown) => typeof value === "boolean",
};

const words = { text: "a string", texts: "a list of strings", number: "a whole number above 0", flag: "true or false" };
