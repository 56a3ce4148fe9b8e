import type { Installable, Nix } from "../adapters/nix/nix.ts";
import { nameOf } from "../adapters/nix/nix.ts";
import { Failure } from "../core/failure.ts";
import { legible } from "../core/legible.ts";

/** As many as no package is made of. */
const mostParts = 1000;

/**
 * A package's parts and the package itself, in the order in which they are listed. Building a package twice runs its last
 * step alone twice: what it is made of is taken as it is, so that a part whose bytes differ shows only where they reach the
 * end. What a package is made of, it says itself: `parts`, a set of derivations. Throws REPRO_PARTS_UNKNOWN,
 * REPRO_PARTS_INVALID and what Nix's adapter throws.
 */
export async function withParts(nix: Nix, installable: Installable): Promise<Installable[]> {
  const partOf = partsOf(installable);
  const names = await nix.attributeNames(installable, "parts");
  if (names.length === 0) throw unknown(installable);
  const odd = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_'-]*$/.test(name));
  if (odd !== undefined || names.length > mostParts) {
    throw invalid(installable, odd === undefined ? `${names.length} of them` : `one is called "${legible(odd)}"`);
  }
  return [...names.map(partOf), installable];
}

function partsOf(installable: Installable): (name: string) => Installable {
  if (installable.kind === "file") {
    const { kind, file, attribute } = installable;
    const prefix = attribute === undefined ? "parts" : `${attribute}.parts`;
    return (name) => ({ kind, file, attribute: `${prefix}.${name}` });
  }
  const { kind, reference } = installable;
  // Outputs that are chosen (`.#image^dev`) have no parts of their own.
  if (reference.includes("^")) throw unknown(installable);
  const prefix = /#./.test(reference) ? reference : `${reference.replace(/#$/, "")}#default`;
  return (name) => ({ kind, reference: `${prefix}.parts.${name}` });
}

function unknown(installable: Installable): Failure {
  return new Failure({
    code: "REPRO_PARTS_UNKNOWN",
    kind: "usage",
    message: `${nameOf(installable)} does not say what it is made of: it has no attribute \`parts\`.`,
    remedy: "Name what is to be built twice, each part for itself, and leave out --parts.",
  });
}

function invalid(installable: Installable, found: string): Failure {
  return new Failure({
    code: "REPRO_PARTS_INVALID",
    kind: "refused",
    message: `The parts of ${nameOf(installable)} can't be built one by one: ${found}.`,
    remedy: `Give each a name of letters, digits, - and _, and at most ${mostParts} of them.`,
  });
}
