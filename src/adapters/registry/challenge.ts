/** `WWW-Authenticate` (RFC 9110, section 11.6.1), as far as registries use it. */
export type Challenge =
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined }
  | { readonly scheme: "basic" };

/** A quoted string, or a token; then a comma or the end. */
const parameterPattern = /\s*([A-Za-z][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)/y;
const schemePattern = /\s*,?\s*([A-Za-z][\w-]*)(?:\s+|\s*,|$)/y;

/** The challenges of one header, in order; unknown schemes are left out. A Bearer challenge without realm is none. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  const text = header.slice(0, 4096);
  let at = 0;
  while (at < text.length) {
    schemePattern.lastIndex = at;
    const scheme = schemePattern.exec(text)?.[1]?.toLowerCase();
    if (scheme === undefined) break;
    at = schemePattern.lastIndex;
    const parameters = new Map<string, string>();
    for (;;) {
      parameterPattern.lastIndex = at;
      const match = parameterPattern.exec(text);
      if (match === null) break;
      at = parameterPattern.lastIndex;
      const [, name = "", quoted, token = ""] = match;
      parameters.set(name.toLowerCase(), quoted === undefined ? token : quoted.replaceAll(/\\(.)/g, "$1"));
    }
    const realm = parameters.get("realm");
    if (scheme === "basic") challenges.push({ scheme });
    else if (scheme === "bearer" && realm !== undefined) {
      challenges.push({ scheme, realm, service: parameters.get("service") });
    }
  }
  return challenges;
}
