import type { MeasureSignerOptions } from "../actions/measure-signer.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerMeasureSigner: RegisterCommand = (program, run) => {
  program
    .command("measure-signer")
    .summary("compute what TDX will measure of a signer's disk image: RTMR1 and RTMR2")
    .description(
      "Reads a signer's disk artifact (disk.raw in a tar.gz) and the unified kernel image in it, computes the registers of a machine that boots them, and prints what publish-manifest --signer puts into the release manifest. Nothing is taken from a machine; anybody with the two files gets the same numbers.",
    )
    .argument("<disk>", "the disk artifact: a tar.gz with disk.raw alone")
    .option("--uki <file>", "the unified kernel image (.efi) that the disk boots")
    .option("--model <name>", "how stub and firmware measure: see docs/measurements.md")
    .option("--output <file>", "write the JSON here (default: standard output)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  nix build .#signer-disk --out-link disk && nix build .#signer-uki --out-link uki
  neko-trust measure-signer disk/disk.tar.gz --uki uki/*.efi \\
    --model "$(nix eval --raw .#signer-image.measurementModel)" --output signer.json
  neko-trust publish-manifest … --signer signer.json

Models: systemd-stub-vtpm, systemd-stub (systemd up to 257), systemd-stub-258-vtpm, systemd-stub-258 (from 258 on);
-vtpm where the machine has a virtual TPM, as Compute Engine's have unless it is turned off.`,
    )
    .action((disk: string, options: MeasureSignerOptions) =>
      run(async (context) => {
        const { measureSignerAction } = await import("../actions/measure-signer.ts");
        return measureSignerAction(disk, options, context);
      }),
    );
};
