import { isText, tableAt } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/** The HTTPS endpoint: [http_server]. KBS listens without TLS only where it is told to, but then says nothing more about it. */
export function lintServer(document: Table, report: Report): void {
  const server = tableAt(document, "http_server");
  const at = (key: string): string => `http_server.${key}`;
  if (server["insecure_http"] === true) {
    const why = "Sessions are cookies: without TLS, who reads one takes the attested session over.";
    report("HTTP_INSECURE", at("insecure_http"), why, "Write false, and name private_key and certificate.");
  }
  if (!isText(server["private_key"])) {
    report("TLS_KEY_MISSING", at("private_key"), "There is no key for TLS.", "Name the file of the key.");
  }
  if (!isText(server["certificate"])) {
    report("TLS_CERTIFICATE_MISSING", at("certificate"), "There is no certificate for TLS.", "Name the file.");
  }
  const profile = server["tls_profile"];
  if (profile !== undefined && profile !== "modern" && profile !== "intermediate") {
    const why = '"old" takes legacy clients and "custom" whatever is written; neither is checked here.';
    report("TLS_WEAK", at("tls_profile"), why, 'Write "modern" or "intermediate".');
  }
  for (const key of ["tls_min_version", "tls_max_version", "tls_ciphers", "tls_groups"]) {
    if (server[key] === undefined) continue;
    report("TLS_WEAK", at(key), "It overrides the profile, and is not checked here.", "Remove it.");
  }
}
