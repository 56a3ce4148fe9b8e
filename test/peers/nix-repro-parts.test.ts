import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { nixFunctions, nixLab, runNix } from "../support/nix-lab.ts";
import type { NixLab } from "../support/nix-lab.ts";
import { documentOf, runCli } from "../support/run-cli.ts";
import type { Finished } from "../support/program-checkout.ts";

/** A package that hides what differs in what it is made of: on real Nix, by file and as a flake. */

function cli(t: TestContext, lab: NixLab, ...args: string[]): Promise<Finished> {
  return runCli(t, ["repro-check", ...args], { environment: lab.environment });
}

/**
 * `image` is the same in every build, and is made of `steady` and of `server`, whose file `stamp` differs each time and whose
 * file `program` is all that the image takes of it.
 */
const chain = `
  server = make "server" {} "mkdir $out; echo program > $out/program; cat /proc/sys/kernel/random/uuid > $out/stamp";
  steady = make "steady" {} "echo steady > $out";
  image = make "image" { inherit server steady; } "cat $server/program $steady > $out" // {
    parts = { inherit server steady; };
  };
  whole = make "whole" { inherit steady; } "cat $steady > $out" // { parts = { inherit steady; }; };
`;

function chainFile(lab: NixLab): string {
  return lab.write("chain.nix", `let ${nixFunctions} ${chain} in { inherit image server steady whole; }`);
}

/** A flake of those, without inputs; its path. */
function chainFlake(lab: NixLab, outputs = "inherit image steady; default = image;"): string {
  const { system } = JSON.parse(
    runNix(lab, "nix", ["eval", "--json", "--impure", "--expr", "{ system = builtins.currentSystem; }"]),
  ) as {
    system: string;
  };
  const functions = nixFunctions.replaceAll("builtins.currentSystem", JSON.stringify(system));
  lab.write(
    "flake/flake.nix",
    `{ outputs = _: let ${functions} ${chain} in { packages.${system} = { ${outputs} }; }; }`,
  );
  return `path:${join(lab.folder, "flake")}`;
}

test("a second build of the last step alone does not see what it hides; its parts do, and where", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const file = chainFile(lab);
  const alone = await cli(t, lab, "--file", file, "image");
  assert.equal(alone.code, 0, alone.stderr);

  const whole = await cli(t, lab, "--file", file, "image", "--parts");
  assert.equal(whole.code, 1, whole.stderr);
  const name = (part: string): string => `${part} of ${file}`;
  const [first, ...lines] = whole.stdout.split("\n");
  assert.equal(first, "✗ 1 of 3 differ between builds");
  assert.deepEqual(lines.slice(0, 4), [
    `  ✗ differs  ${name("image.parts.server")}  out: stamp`,
    `  ✓ equal    ${name("image.parts.steady")}`,
    `  ✓ equal    ${name("image")}`,
    "",
  ]);
  // Each one's own lines follow.
  assert.ok(whole.stdout.includes(`\n✗ ${name("image.parts.server")}: the builds differ\n`));
  assert.match(whole.stdout, /\n {4}stamp: contents differs: 37 bytes, first at byte \d+\n/);
  assert.ok(whole.stdout.includes(`\n✓ ${name("image.parts.steady")}: every build gives the same bytes\n`));

  const json = documentOf(await cli(t, lab, "--file", file, "image", "--parts", "--json"));
  assert.equal(json["ok"], false);
  const results = json["results"] as { installable: string; equal: boolean }[];
  assert.deepEqual(
    results.map(({ installable, equal }) => [installable, equal]),
    [
      [name("image.parts.server"), false],
      [name("image.parts.steady"), true],
      [name("image"), true],
    ],
  );
});

test("parts that are all equal: exit 0 and a table that says so", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const { code, stdout, stderr } = await cli(t, lab, "--file", chainFile(lab), "whole", "--parts", "--times", "3");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^✓ all 2 give the same bytes in every build\n {2}✓ equal {4}whole\.parts\.steady of /);
});

test("several things are checked in one run, each with its verdict", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const { code, stdout, stderr } = await cli(t, lab, "--file", chainFile(lab), "steady", "server", "whole");
  assert.equal(code, 1, stderr);
  assert.match(
    stdout,
    /^✗ 1 of 3 differ between builds\n {2}✓ equal .+\n {2}✗ differs {2}server of .+ {2}out: stamp\n {2}✓/,
  );
});

test("in a flake, nothing named is its image and all of its parts", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const flake = chainFlake(lab);
  // `.` is where the command runs.
  const own = await runCli(t, ["repro-check", "--json"], {
    environment: lab.environment,
    folder: join(lab.folder, "flake"),
  });
  assert.equal(own.code, 1, own.stderr);
  const results = documentOf(own)["results"] as { installable: string; equal: boolean }[];
  assert.deepEqual(
    results.map(({ installable, equal }) => [installable, equal]),
    [
      [".#image.parts.server", false],
      [".#image.parts.steady", true],
      [".#image", true],
    ],
  );
  for (const reference of [flake, `${flake}#`]) {
    const { code, stdout } = await cli(t, lab, reference, "--parts");
    assert.equal(code, 1);
    assert.ok(stdout.includes(`✗ differs  ${flake}#default.parts.server`), stdout);
  }
});

test("a part that differs is found in another store, too", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const { code, stdout, stderr } = await cli(
    t,
    lab,
    ...["--file", chainFile(lab), "image", "--parts", "--store", lab.otherStore("second")],
  );
  assert.equal(code, 1, stderr);
  assert.match(stdout, /^✗ 1 of 3 differ between builds\n {2}✗ differs {2}image\.parts\.server of .+ {2}out: stamp\n/);
});

test("what names no parts, or parts that can't be named, is refused before anything is built", async (t) => {
  const lab = await nixLab(t);
  if (lab === undefined) return;
  const odd = lab.write(
    "odd.nix",
    `let ${nixFunctions} in {
      spaced = { parts."a b" = 1; };
      many = { parts = builtins.listToAttrs (builtins.genList (n: { name = "p\${toString n}"; value = 1; }) 1001); };
      broken = throw "it is broken";
    }`,
  );
  for (const [args, exit, expected] of [
    [["--file", chainFile(lab), "steady", "--parts"], 2, "REPRO_PARTS_UNKNOWN"],
    [["--file", odd, "spaced", "--parts"], 1, "REPRO_PARTS_INVALID"],
    [["--file", odd, "many", "--parts"], 1, "REPRO_PARTS_INVALID"],
    [["--file", odd, "broken", "--parts"], 3, "NIX_EVALUATION_FAILED"],
    [[`${chainFlake(lab)}#image^out`, "--parts"], 2, "REPRO_PARTS_UNKNOWN"],
    [[`${chainFlake(lab)}#steady`, "--parts"], 2, "REPRO_PARTS_UNKNOWN"],
    [[`${chainFlake(lab)}#absent`, "--parts"], 3, "NIX_EVALUATION_FAILED"],
  ] as const) {
    const { code, stdout, stderr } = await cli(t, lab, ...args);
    assert.equal(code, exit, stderr);
    assert.equal(stdout, "");
    assert.ok(stderr.endsWith(`(code ${expected})\n`), stderr);
    assert.doesNotMatch(stderr, /building it again/);
  }
});
