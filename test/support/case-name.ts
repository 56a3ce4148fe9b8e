/**
 * A test's name that begins with the id of the case that it covers (docs/attestation-cases.md): `B1: refuses an SGX
 * quote` of `refuses` and `B1: an SGX quote`. A name without id has none.
 */
export function caseName(verb: string, name: string): string {
  const [, id = "", rest = name] = /^([A-K]\d+: )?(.*)$/s.exec(name) ?? [];
  return `${id}${verb} ${rest}`;
}
