import type { VerifyImageOptions } from "../actions/verify-image.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerVerifyImage: RegisterCommand = (program, run) => {
  program
    .command("verify-image")
    .summary("verify an image's whole chain under a policy")
    .description(
      "Resolves the reference to a digest once, reads its evidence from the registry and verifies it offline under a policy with a pinned root. Exits 0 when everything is proven, 1 when it is refused, 3 when the evidence can't be read.",
    )
    .argument("<reference>", "registry/path@sha256:… (or :tag, resolved once)")
    .option("--stack <name>", "verify under this stack's policy and root")
    .option("--policy <file>", "verify under this TrustPolicy (YAML or JSON); needs --trusted-root")
    .option("--trusted-root <file>", "the trusted_root.json that the policy pins")
    .option("--json", "print one JSON document")
    .action((reference: string, options: VerifyImageOptions) =>
      run(async (context) => {
        const { verifyImageAction } = await import("../actions/verify-image.ts");
        return verifyImageAction(reference, options, context);
      }),
    );
};
