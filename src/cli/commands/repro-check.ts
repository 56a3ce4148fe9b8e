import type { ReproCheckOptions } from "../actions/repro-check.ts";
import type { RegisterCommand } from "../commands.ts";
import { collect } from "../collect.ts";

export const registerReproCheck: RegisterCommand = (program, run) => {
  program
    .command("repro-check")
    .summary("build an image twice with Nix and compare every byte")
    .description(
      "Builds with Nix, builds again (here, in another store or at another machine), and compares NAR hashes and image digests. Without anything named: .#image and each of its parts, as a second build of the image alone takes what it is made of as it is. Exits 0 when all bytes are equal, 1 with the first files that differ when they are not, 2 when this Nix builds without a sandbox, as two equal builds prove nothing then.",
    )
    .argument(
      "[installable...]",
      "what to build: a flake's output, or with --file an attribute (default: .#image with --parts)",
    )
    .option("--parts", "check what each one is made of, too, one by one: what it has as its attribute `parts`")
    .option("--file <file>", "build from this Nix file instead of a flake")
    .option(
      "--times <number>",
      "builds in all, in this store (default: 2; with --store or --builders: 1 here, 1 there)",
    )
    .option("--store <uri>", "make the second build in this store, for example ssh-ng://builder or a folder")
    .option("--builders <machines>", "make the second build at these machines, as nix.conf's builders names them")
    .option("--option <name=value>", "a setting for Nix, repeatable, for example sandbox=true", collect, [])
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust repro-check                                  build .#image and all of its parts twice
  neko-trust repro-check .#signer-image --parts
  neko-trust repro-check --file image.nix image --option sandbox=true
  neko-trust repro-check .#image --store ssh-ng://second-machine

Results go to no link; what Nix keeps of a build that differs is removed when this user may. diffoscope is asked too
when it is on PATH.`,
    )
    .action((installables: readonly string[], options: ReproCheckOptions) =>
      run(async (context) => {
        const { reproCheckAction } = await import("../actions/repro-check.ts");
        return reproCheckAction(installables, options, context);
      }),
    );
};
