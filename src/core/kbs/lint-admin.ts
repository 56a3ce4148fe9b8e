import { isTable, isText, tableAt } from "./config-finding.ts";
import type { Report, Table } from "./config-finding.ts";

/** Who may set policies, reference values and resources: [admin]. */
export function lintAdmin(document: Table, report: Report): void {
  const mode = tableAt(document, "admin")["authorization_mode"];
  switch (mode) {
    case "DenyAll":
      return;
    case "InsecureAllowAll": {
      const why = "Whoever reaches the port sets the policies, and so gets every secret.";
      report("ADMIN_OPEN", "admin.authorization_mode", why, 'Write "AuthenticatedAuthorization" or "DenyAll".');
      return;
    }
    case "AuthenticatedAuthorization":
      lintAuthentication(tableAt(document, "admin.authentication.bearer_jwt"), report);
      lintAuthorization(tableAt(document, "admin.authorization.regex_acl"), report);
      return;
    default: {
      const why = "Who may administer is left to the version's default.";
      report("ADMIN_UNSET", "admin.authorization_mode", why, 'Write "AuthenticatedAuthorization" or "DenyAll".');
    }
  }
}

function lintAuthentication(bearer: Table, report: Report): void {
  const at = "admin.authentication.bearer_jwt";
  if (bearer["insecure_header_jwk"] === true) {
    const why = "An administrator's token is then believed by the key in its own header.";
    report("HEADER_JWK_TRUSTED", `${at}.insecure_header_jwk`, why, "Remove it.");
  }
  if (bearer["insecure_public_key_from_uri"] === true) {
    const why = "The administrator's key would be fetched without TLS.";
    report("ADMIN_KEY_INSECURE", `${at}.insecure_public_key_from_uri`, why, "Remove it.");
  }
  const providers = bearer["identity_providers"];
  if (!Array.isArray(providers) || providers.length === 0) {
    const why = "No provider says whose tokens are an administrator's.";
    report("ADMIN_PROVIDER_MISSING", `${at}.identity_providers`, why, "Name issuer, audience and public_key_uri.");
    return;
  }
  for (const [index, provider] of providers.entries()) {
    if (isTable(provider)) lintProvider(provider, `${at}.identity_providers.${index}`, report);
  }
}

function lintProvider(provider: Table, at: string, report: Report): void {
  if (!isText(provider["issuer"])) {
    report("ADMIN_ISSUER_UNCHECKED", `${at}.issuer`, "Empty means that `iss` is not compared.", "Name the issuer.");
  }
  if (!isText(provider["audience"])) {
    const why = "Empty means that `aud` is not compared: a token for another service works here.";
    report("ADMIN_AUDIENCE_UNCHECKED", `${at}.audience`, why, "Name the audience.");
  }
  const sources = ["public_key_uri", "jwk_set_uri"].filter((key) => provider[key] !== undefined);
  if (sources.length === 0) {
    report("ADMIN_KEY_MISSING", at, "There is no key to verify with.", "Name public_key_uri.");
  }
  for (const key of sources) {
    const source = provider[key];
    if (typeof source === "string" && /^(?:https:\/\/[^/]|file:\/\/\/|\/)/.test(source)) continue;
    const why = "The key comes neither over TLS nor out of a file with a whole path.";
    report("ADMIN_KEY_INSECURE", `${at}.${key}`, why, "Write https:// or the file's whole path.");
  }
}

function lintAuthorization(rules: Table, report: Report): void {
  const at = "admin.authorization.regex_acl.acls";
  const acls = rules["acls"];
  if (!Array.isArray(acls) || acls.length === 0) {
    report("ADMIN_ACL_MISSING", at, "No role may do anything.", 'Name roles, or write authorization_mode = "DenyAll".');
    return;
  }
  for (const [index, acl] of acls.entries()) {
    if (!isTable(acl)) continue;
    if (!isText(acl["role"])) report("ADMIN_ACL_WIDE", `${at}.${index}.role`, "It names no role.", "Name one.");
    lintEndpoints(acl["allowed_endpoints"], `${at}.${index}.allowed_endpoints`, report);
  }
}

/** A path of admin routes: literal segments, and `[^/]+` for one that may be anything. */
const segment = String.raw`(?:[A-Za-z0-9_-]|\\\.)+`;
const route = `(?:attestation-policy|resource-policy|reference-value(?:/${segment}|/\\[\\^/\\]\\+)?|resource/${segment}/${segment}/(?:${segment}|\\[\\^/\\]\\+))`;
const narrow = new RegExp(
  `^\\^/kbs/v0/(?:${route}|\\(${route}(?:\\|${route})*\\)|\\(\\?:${route}(?:\\|${route})*\\))\\$$`,
);

function lintEndpoints(pattern: unknown, at: string, report: Report): void {
  const remedy =
    "Spell the routes out: ^/kbs/v0/(attestation-policy|resource-policy|reference-value|resource/default/<type>/<tag>)$";
  if (!isText(pattern) || !pattern.startsWith("^") || !pattern.endsWith("$") || alternatesOutside(pattern)) {
    const why = "It is not anchored at both ends on every way through it, and so matches inside other paths.";
    report("ADMIN_ACL_UNANCHORED", at, why, remedy);
  } else if (!narrow.test(pattern)) {
    report("ADMIN_ACL_WIDE", at, "It can't be shown to allow only the routes of an administrator.", remedy);
  }
}

/** Whether `|` stands outside every group: then `^` binds only the first part, and `$` the last. */
function alternatesOutside(pattern: string): boolean {
  let depth = 0;
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern[index];
    if (character === "\\") index++;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "|" && depth <= 0) return true;
  }
  return false;
}
