/** What the lint of a KBS configuration finds. Stable: scripts may compare the codes. */
export type ConfigCode =
  | "CONFIG_NOT_TOML"
  | "KEY_UNKNOWN"
  | "KEY_OLD"
  | "VALUE_OF_OTHER_TYPE"
  | "HTTP_INSECURE"
  | "TLS_KEY_MISSING"
  | "TLS_CERTIFICATE_MISSING"
  | "TLS_WEAK"
  | "HEADER_JWK_TRUSTED"
  | "TOKEN_ROOTS_MISSING"
  | "TOKEN_ROOTS_INSECURE"
  | "TOKEN_KEY_PATHS"
  | "TOKEN_LIFE_LONG"
  | "SIGNER_EPHEMERAL"
  | "SIGNER_WITHOUT_CHAIN"
  | "ATTESTATION_SERVICE_UNCHECKED"
  | "ATTESTATION_SERVICE_PLAINTEXT"
  | "VERIFIER_UNCHECKED"
  | "COLLATERAL_UNSET"
  | "COLLATERAL_INSECURE"
  | "RVPS_UNAUTHENTICATED"
  | "RVPS_EXTRACTOR"
  | "ADMIN_OPEN"
  | "ADMIN_UNSET"
  | "ADMIN_PROVIDER_MISSING"
  | "ADMIN_ISSUER_UNCHECKED"
  | "ADMIN_AUDIENCE_UNCHECKED"
  | "ADMIN_KEY_MISSING"
  | "ADMIN_KEY_INSECURE"
  | "ADMIN_ACL_MISSING"
  | "ADMIN_ACL_UNANCHORED"
  | "ADMIN_ACL_WIDE"
  | "STORAGE_VOLATILE"
  | "STORAGE_NOT_ON_VOLUME"
  | "SECRET_IN_CONFIG"
  | "PLUGIN_UNCHECKED"
  | "PLUGIN_MISSING"
  | "PATH_NOT_MOUNTED"
  | "SOCKET_UNREACHABLE";

export interface ConfigFinding {
  readonly code: ConfigCode;
  /** Dotted, `admin.authorization.regex_acl.acls.0`. */
  readonly path: string;
  /** What is wrong with it, as one sentence; never a secret value. */
  readonly why: string;
  /** What to write instead, as an imperative sentence. */
  readonly remedy: string;
}

/** `CODE path: why remedy`, one line. */
export function configFindingLine({ code, path, why, remedy }: ConfigFinding): string {
  return `${code} ${path}: ${why} ${remedy}`;
}

export type Report = (code: ConfigCode, path: string, why: string, remedy: string) => void;
export type Table = Readonly<Record<string, unknown>>;

export function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The table at a dotted path; an empty one where there is none, as TOML's defaults are then in force. */
export function tableAt(document: Table, path: string): Table {
  let table: Table = document;
  for (const key of path.split(".")) {
    const next = Object.hasOwn(table, key) ? table[key] : undefined;
    if (!isTable(next)) return {};
    table = next;
  }
  return table;
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}
