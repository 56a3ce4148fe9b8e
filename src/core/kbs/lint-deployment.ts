import { isTable, isText, tableAt } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/** What a configuration is deployed with: it has to fit, or it says one thing and means another. */
export interface DeploymentFacts {
  /** Folders that are mounted from Secrets; every key and certificate lies in one. */
  readonly mounted: readonly string[];
  /** The persistent volume; absent where there is none. */
  readonly volume?: string;
  readonly port: number;
  /** The store that the deployment has: a volume serves one pod only. */
  readonly store: "LocalFs" | "Postgres";
  readonly attestationService: "coco_as_builtin" | "coco_as_grpc";
  /** The publication's tokens: without them, policies can't be published. */
  readonly admin: { readonly issuer: string; readonly audience: string; readonly role: string };
}

export function lintDeployment(document: Table, facts: DeploymentFacts, report: Report): void {
  for (const [path, value] of files(document)) {
    const file = value.replace(/^file:\/\//, "");
    if (facts.mounted.some((folder) => file.startsWith(`${folder}/`) && !file.includes("/../"))) continue;
    const why = "No Secret is mounted there: the file would be the image's, or none.";
    report("PATH_NOT_MOUNTED", path, why, `Name a file in ${facts.mounted.join(", ")}.`);
  }
  const backend = tableAt(document, "storage_backend");
  const named = backend["storage_type"];
  const type = isText(named) ? named.toLowerCase().replace("_", "") : "";
  const folder = tableAt(backend, "backends.local_fs")["dir_path"];
  if (type === "localfs" && facts.store === "LocalFs") {
    if (
      !isText(folder) ||
      !(folder === facts.volume || folder.startsWith(`${facts.volume ?? ""}/`)) ||
      folder.includes("..")
    ) {
      const why = "The volume is mounted elsewhere: this folder is empty after each start.";
      report(
        "STORAGE_NOT_ON_VOLUME",
        "storage_backend.backends.local_fs.dir_path",
        why,
        `Write ${facts.volume ?? ""}.`,
      );
    }
  } else if (type !== facts.store.toLowerCase()) {
    const why = `The deployment has a store of type ${facts.store}.`;
    report("STORAGE_NOT_ON_VOLUME", "storage_backend.storage_type", why, `Write "${facts.store}".`);
  }
  const sockets = tableAt(document, "http_server")["sockets"];
  const wanted = `0.0.0.0:${facts.port}`;
  if (!Array.isArray(sockets) || sockets.length !== 1 || sockets[0] !== wanted) {
    const why = "The Service and the NetworkPolicy know one port, and the default listens to the pod itself only.";
    report("SOCKET_UNREACHABLE", "http_server.sockets", why, `Write ["${wanted}"].`);
  }
  if (tableAt(document, "attestation_service")["type"] !== facts.attestationService) {
    const why = "The deployment has another attestation service.";
    const remedy = `Write "${facts.attestationService}".`;
    report("ATTESTATION_SERVICE_UNCHECKED", "attestation_service.type", why, remedy);
  }
  lintPublication(document, facts, report);
}

function lintPublication(document: Table, { admin }: DeploymentFacts, report: Report): void {
  const providers = tableAt(document, "admin.authentication.bearer_jwt")["identity_providers"];
  const known =
    Array.isArray(providers) &&
    providers.some(
      (entry) => isTable(entry) && entry["issuer"] === admin.issuer && entry["audience"] === admin.audience,
    );
  if (!known) {
    const why = "Policies and reference values are published with a token of the settings' issuer and audience.";
    const remedy = `Name issuer "${admin.issuer}" with audience "${admin.audience}".`;
    report("ADMIN_PROVIDER_MISSING", "admin.authentication.bearer_jwt.identity_providers", why, remedy);
  }
  const acls = tableAt(document, "admin.authorization.regex_acl")["acls"];
  if (!Array.isArray(acls) || !acls.some((acl) => isTable(acl) && acl["role"] === admin.role)) {
    const why = "The publication's role may do nothing.";
    report("ADMIN_ACL_MISSING", "admin.authorization.regex_acl.acls", why, `Name role "${admin.role}".`);
  }
}

/** Every key, certificate and administrator's key that the configuration names as a file. */
function files(document: Table): [path: string, file: string][] {
  const found: [string, unknown][] = [
    ["http_server.private_key", tableAt(document, "http_server")["private_key"]],
    ["http_server.certificate", tableAt(document, "http_server")["certificate"]],
  ];
  const signer = "attestation_service.attestation_token_broker.signer";
  for (const key of ["key_path", "cert_path"]) found.push([`${signer}.${key}`, tableAt(document, signer)[key]]);
  const roots = tableAt(document, "attestation_token")["trusted_certs_paths"];
  for (const [index, root] of (Array.isArray(roots) ? roots : []).entries()) {
    found.push([`attestation_token.trusted_certs_paths.${index}`, root]);
  }
  const providers = tableAt(document, "admin.authentication.bearer_jwt")["identity_providers"];
  for (const [index, entry] of (Array.isArray(providers) ? providers : []).entries()) {
    for (const key of ["public_key_uri", "jwk_set_uri"]) {
      const source: unknown = isTable(entry) ? entry[key] : undefined;
      if (isText(source) && source.startsWith("https://")) continue;
      found.push([`admin.authentication.bearer_jwt.identity_providers.${index}.${key}`, source]);
    }
  }
  return found.filter((entry): entry is [string, string] => isText(entry[1]));
}
