import type { Command } from "commander";

/** For a policy with `tee` in a lab (`quoteRootOf`): its simulated platform's quotes end at a root of its own. */
export const quoteRootOption = [
  "--quote-root <file>",
  "for a policy with tee: the root certificate of a lab's simulated platform, in environment local only",
] as const;

/** Declares what a policy with `tee` needs to be verified (SignerReleaseOptions), on a command that verifies images. */
export function addSignerReleaseOptions(command: Command): Command {
  return command
    .option(
      "--signer-image <repository>",
      "for a policy with tee: registry/path of the signer's release (else the stack's)",
    )
    .option("--signer-policy <file>", "its policy (else the policy itself without tee)")
    .option(...quoteRootOption)
    .option(
      "--tee-collateral <path>",
      "Intel's collateral of today, a file or a folder of them: what it says of the machine that signed is shown, and warns",
    );
}
