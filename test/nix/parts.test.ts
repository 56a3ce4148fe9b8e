import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { checkout, flakeLab, nixAbsent } from "../support/flake-lab.ts";

/**
 * `parts` of the outputs, which `repro-check` builds twice: all that this flake builds itself on the way to them. The
 * stand-in's builders record what they are given, so what a derivation is made of is read there.
 */

const skip = nixAbsent() ?? false;
const lab = skip === false ? flakeLab() : undefined;
after(() => lab?.remove());

const described = `p: let of = d: { inherit (d) name drvPath; recorded = d.recorded or null; }; in
  { package = of p; parts = builtins.mapAttrs (_: of) p.parts; }`;

interface Built {
  readonly name: string;
  readonly drvPath: string;
  readonly recorded: Readonly<Record<string, unknown>> | null;
}
interface Whole {
  readonly package: Built;
  readonly parts: Readonly<Record<string, Built>>;
}

function wholeOf(output: string): Whole {
  return lab?.evaluate(`packages.x86_64-linux.${output}`, described) as Whole;
}

/** Names of what a derivation is made of: the stand-in's marks `<name>`, and store paths in texts. */
function madeOf({ recorded }: Built): string[] {
  const text = JSON.stringify(recorded);
  const marked = Array.from(text.matchAll(/<([A-Za-z0-9._+-]+?)(?:\.(?:bin|dev|plugins))?>/g), ([, name = ""]) => name);
  const paths = Array.from(text.matchAll(/\/nix\/store\/[0-9a-z]{32}-([A-Za-z0-9._+-]+)/g), ([, name = ""]) => name);
  return [...marked, ...paths];
}

const standIn = readFileSync(join(checkout, "test/nix/stub/nixpkgs/packages.nix"), "utf8");
/** What nixpkgs has, by the stand-in's own list, and what is a file of this checkout or of Neko's source. */
const known = (name: string): boolean =>
  standIn.includes(`"${name}"`) || ["go", "oci", "source"].includes(name) || /\.(?:sh|mjs|patch|yaml|json)$/.test(name);
/** Written as they stand in nix/: their bytes are in their derivation. */
const texts = ["fonts.conf", "group", "passwd", "xorg-files.conf"];

for (const output of ["image", "firefox-image"]) {
  test(`${output} has all that the flake builds for it as parts`, { skip }, () => {
    const whole = wholeOf(output);
    const all = [whole.package, ...Object.values(whole.parts)];
    const parts = new Set(all.map(({ name }) => name));
    const others = new Set(all.flatMap(madeOf).filter((name) => !parts.has(name) && !known(name)));
    // An output of the server's is named after it.
    assert.deepEqual([...others].filter((name) => !/-plugins$/.test(name)).sort(), texts);
  });
}

test("the image's parts are its server, client, drivers, root, layers and description", { skip }, () => {
  const { parts } = wholeOf("image");
  const version = "3.1.5-8-gbaf21c1d";
  assert.deepEqual(Object.fromEntries(Object.entries(parts).map(([name, { name: built }]) => [name, built])), {
    description: "image-neko.json",
    dummyDriver: "xf86-video-dummy-neko-0.3.8",
    fontTree: `neko-runtime-fonts-${version}`,
    "layer-1": "layer-fonts",
    "layer-2": "layer-packages",
    "layer-3": "layer-drivers",
    "layer-4": "layer-server",
    nekoClient: `neko-client-${version}`,
    nekoPlugins: `neko-server-${version}`,
    nekoServer: `neko-server-${version}`,
    programTree: `neko-runtime-programs-${version}`,
    runtime: `neko-runtime-${version}`,
    touchDriver: "xf86-input-neko-0.0.1",
    xorgDeps: `neko-xorg-deps-${version}`,
  });
});

test("the machines' parts are their system, initrd, kernel image, raw disk and own programs", { skip }, () => {
  const machine = ["initialRamdisk", "rawDisk", "toplevel", "uki"];
  const signer = Object.keys(wholeOf("signer-image").parts);
  assert.deepEqual(
    signer,
    [...machine, "closedStub", "disk", "intermediateImage", "policy", "program", "programFiles"].sort(),
  );
  assert.deepEqual(Object.keys(wholeOf("runner-image").parts), [...machine, "githubRunner"].sort());
});

test("an output is the same derivation with its parts as without", { skip }, () => {
  for (const output of ["image", "firefox-image", "signer-image", "runner-image"]) {
    const path = `packages.x86_64-linux.${output}`;
    const without = lab?.evaluate(path, "p: (derivation p.drvAttrs).drvPath");
    assert.equal(lab?.evaluate(`${path}.drvPath`), without, output);
  }
});
