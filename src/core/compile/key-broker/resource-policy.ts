import { resourcePath } from "./rules.ts";
import type { BrokerResource } from "./rules.ts";

/**
 * The resource policy: Rego v1, `package policy`, rule `allow`. Trustee keeps one for all resources, and its default one
 * releases to anything but the sample TEE, whatever the attestation said.
 *
 * Trustee v0.21.0 gives the token's claims as input, and plugin, resource-path and query as data; the path came as
 * "/a/b/c" before and comes as ["a", "b", "c"] since, so both forms of exactly the listed paths are named. The method is
 * not among the data: KBS itself asks an administrator's token for everything but GET.
 */
export function resourcePolicy(resources: readonly BrokerResource[]): string {
  const paths = resources.map(resourcePath).toSorted();
  const strings = paths.map((path) => JSON.stringify(`/${path}`));
  const lists = paths.map(
    (path) =>
      `[${path
        .split("/")
        .map((part) => JSON.stringify(part))
        .join(", ")}]`,
  );
  return `${[
    "# Compiled by neko-trust (src/core/compile/key-broker). Do not edit: what is changed here is lost.",
    "package policy",
    "",
    "import rego.v1",
    "",
    "default allow := false",
    "",
    "allow if {",
    '\tdata.plugin == "resource"',
    `\tdata["resource-path"] in ${paths.length === 0 ? "set()" : `{${[...strings, ...lists].join(", ")}}`}`,
    "\tnot any_query",
    "\tnot other_method",
    "\tis_object(input.submods)",
    "\t# Exactly the CPU: a second device would be judged by another policy.",
    '\tobject.keys(input.submods) == {"cpu0"}',
    "\tnot any_not_affirming",
    '\tinput.submods.cpu0["ear.status"] == "affirming"',
    '\tis_object(input.submods.cpu0["ear.veraison.annotated-evidence"].tdx)',
    "}",
    "",
    "any_not_affirming if {",
    "\tsome submod in input.submods",
    '\tobject.get(submod, "ear.status", "none") != "affirming"',
    "}",
    "",
    "any_query if count(data.query) > 0",
    "",
    'other_method if data.method != "GET"',
  ].join("\n")}\n`;
}
