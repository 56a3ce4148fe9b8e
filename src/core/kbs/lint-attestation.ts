import { isTable, isText, tableAt } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/** Whose attestation results count, and how they are made: [attestation_token] and [attestation_service]. */
export function lintAttestation(document: Table, report: Report): void {
  lintToken(tableAt(document, "attestation_token"), report);
  const service = tableAt(document, "attestation_service");
  switch (service["type"]) {
    case "coco_as_builtin":
      lintBuiltIn(service, report);
      return;
    case "coco_as_grpc":
      lintRemote(service["as_addr"], "attestation_service.as_addr", report);
      return;
    default: {
      const why = "It is neither coco_as_builtin nor coco_as_grpc; what another service accepts is not checked here.";
      report("ATTESTATION_SERVICE_UNCHECKED", "attestation_service.type", why, 'Write "coco_as_builtin".');
    }
  }
}

function lintToken(token: Table, report: Report): void {
  const at = (key: string): string => `attestation_token.${key}`;
  if (token["insecure_header_jwk"] === true) {
    const why = "A token is then believed by the key in its own header: anybody makes one, and gets the credential.";
    report("HEADER_JWK_TRUSTED", at("insecure_header_jwk"), why, "Write false, and name trusted_certs_paths.");
  }
  const roots = token["trusted_certs_paths"];
  if (!Array.isArray(roots) || roots.length === 0 || !roots.every(isText)) {
    const why = "No root says whose attestation results count.";
    report("TOKEN_ROOTS_MISSING", at("trusted_certs_paths"), why, "Name the root of the attestation service's chain.");
  }
  const sets = token["trusted_jwk_sets"];
  if (Array.isArray(sets) && sets.length > 0) {
    const why = "Tokens of whoever serves these keys count too, without a certificate.";
    report("TOKEN_ROOTS_INSECURE", at("trusted_jwk_sets"), why, "Remove it, and name trusted_certs_paths only.");
  }
  const paths = token["extra_teekey_paths"];
  if (Array.isArray(paths) && paths.length > 0) {
    const why = "The key that secrets are encrypted to would be taken from other claims than the attested ones.";
    report("TOKEN_KEY_PATHS", at("extra_teekey_paths"), why, "Remove it.");
  }
}

/** As long as a result is good, a TD that was outdated or revoked meanwhile still gets secrets. */
const longestTokenMinutes = 30;

function lintBuiltIn(service: Table, report: Report): void {
  const broker = "attestation_service.attestation_token_broker";
  const signer = tableAt(service, "attestation_token_broker.signer");
  if (!isText(signer["key_path"])) {
    const why = "The key is made anew at each start, and nothing but insecure_header_jwk can verify its tokens.";
    report("SIGNER_EPHEMERAL", `${broker}.signer.key_path`, why, "Name a key, and its chain as cert_path.");
  }
  if (!isText(signer["cert_path"])) {
    const why = "Without a chain (cert_path; an address in cert_url is fetched unchecked) no root vouches for the key.";
    report("SIGNER_WITHOUT_CHAIN", `${broker}.signer.cert_path`, why, "Name the file of the chain.");
  }
  const minutes = tableAt(service, "attestation_token_broker")["duration_min"];
  if (typeof minutes === "number" && minutes > longestTokenMinutes) {
    const why = `Results are believed for ${minutes} minutes, also after the platform was revoked.`;
    report("TOKEN_LIFE_LONG", `${broker}.duration_min`, why, `Write ${longestTokenMinutes} or less; 5 is usual.`);
  }
  lintVerifiers(service["verifier_config"], report);
  lintReferences(tableAt(service, "rvps_config"), report);
}

function lintVerifiers(verifiers: unknown, report: Report): void {
  const at = "attestation_service.verifier_config";
  for (const key of isTable(verifiers) ? Object.keys(verifiers) : []) {
    if (key === "dcap_verifier") continue;
    const why = "Only Intel's DCAP verifier is checked here; the sample verifier, above all, believes anything.";
    report("VERIFIER_UNCHECKED", `${at}.${key}`, why, "Remove it.");
  }
  const dcap = isTable(verifiers) ? tableAt(verifiers, "dcap_verifier") : {};
  const service = dcap["collateral_service"];
  if (!isText(service)) {
    const why = "Where CRLs and TCB levels come from is then the image's own setting.";
    report("COLLATERAL_UNSET", `${at}.dcap_verifier.collateral_service`, why, "Name Intel's PCS, or a PCCS.");
  } else if (!service.startsWith("https://") && !service.startsWith("file:///")) {
    const why = "Collateral that comes without TLS can be withheld or replayed by who is on the way.";
    report("COLLATERAL_INSECURE", `${at}.dcap_verifier.collateral_service`, why, "Write an https:// address.");
  }
  if (dcap["use_secure_cert"] === false) {
    const why = "The collateral service's certificate would not be verified.";
    report("COLLATERAL_INSECURE", `${at}.dcap_verifier.use_secure_cert`, why, "Remove it, or write true.");
  }
  const update = dcap["tcb_update_type"];
  if (update !== undefined && update !== "standard" && update !== "early") {
    const why = "It decides which TCB levels count as up to date.";
    report("COLLATERAL_UNSET", `${at}.dcap_verifier.tcb_update_type`, why, 'Write "standard" or "early".');
  }
}

function lintReferences(references: Table, report: Report): void {
  const at = "attestation_service.rvps_config";
  const type = references["type"] ?? "BuiltIn";
  if (type === "GrpcRemote") {
    const address = references["address"];
    if (!isLoopback(address ?? "http://127.0.0.1:50003")) {
      const why = "RVPS asks nobody who he is: whoever reaches its port sets reference values.";
      report("RVPS_UNAUTHENTICATED", `${at}.address`, why, "Write an address of the same pod, http://127.0.0.1:50003.");
    }
  } else if (type !== "BuiltIn") {
    report("RVPS_UNAUTHENTICATED", `${at}.type`, "It is neither BuiltIn nor GrpcRemote.", 'Write "BuiltIn".');
  }
  if (references["storage_type"] !== undefined) {
    const why = "Reference values would lie elsewhere than the rest, perhaps in memory.";
    report("STORAGE_VOLATILE", `${at}.storage_type`, why, "Remove it: storage_backend is used.");
  }
  const extractors = references["extractors"];
  for (const key of isTable(extractors) ? Object.keys(extractors) : []) {
    const why = "No extractor verifies a signature; one more is one more way to set reference values.";
    report("RVPS_EXTRACTOR", `${at}.extractors.${key}`, why, "Remove it.");
  }
}

function lintRemote(address: unknown, at: string, report: Report): void {
  if (isLoopback(address ?? "http://127.0.0.1:50004")) return;
  const why = "Between KBS and the attestation service, gRPC is neither encrypted nor authenticated.";
  const remedy = "Run it in the same pod, http://127.0.0.1:50004, or write coco_as_builtin.";
  report("ATTESTATION_SERVICE_PLAINTEXT", at, why, remedy);
}

/** Exactly the pod itself; a name could resolve to anything. */
function isLoopback(address: unknown): boolean {
  return typeof address === "string" && /^http:\/\/(?:127\.0\.0\.1|\[::1\]):[0-9]{1,5}$/.test(address);
}
