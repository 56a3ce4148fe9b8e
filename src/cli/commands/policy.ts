import type { PolicyExplainOptions } from "../actions/policy-explain.ts";
import type { RegisterCommand } from "../commands.ts";
import { addSignerReleaseOptions } from "./signer-release-options.ts";

export const registerPolicy: RegisterCommand = (program, run) => {
  const policy = program.command("policy").summary("understand a trust policy");
  const explain = policy
    .command("explain")
    .summary("say in plain words whom a policy trusts, and why it admits or refuses an image")
    .description(
      "Explains every field of a TrustPolicy, and what is weak in it. With a reference, verifies that image too and explains each finding; the exit code is then the verdict, as with verify-image: 0 when it would be admitted, 1 when it would be refused, 3 when the evidence can't be read.",
    )
    .argument("[reference]", "an image to judge: registry/path@sha256:… (or :tag, resolved once)")
    .option("--stack <name>", "explain this stack's policy")
    .option("--policy <file>", "explain this TrustPolicy (YAML or JSON)")
    .option("--trusted-root <file>", "the trusted_root.json that the policy pins; with --policy and a reference");
  addSignerReleaseOptions(explain)
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust policy explain --stack production
  neko-trust policy explain --stack production ghcr.io/m1k1o/neko/base:1.2.3
  neko-trust policy explain --policy policy.yaml --json`,
    )
    .action((reference: string | undefined, options: PolicyExplainOptions) =>
      run(async (context) => {
        const { policyExplainAction } = await import("../actions/policy-explain.ts");
        return policyExplainAction(reference, options, context);
      }),
    );
  policy
    .command("digest")
    .summary("print the digest of a stack's trust policies, which others approve")
    .description(
      "Prints the SHA-256 of the RFC 8785 form of what a stack trusts: its trust policies (its own, and its confidential signer's), the key broker's rules for machines (keyBroker.tee), and how its clusters are guarded (admissionPolicies). The platform stack keeps the digests that were approved, and CI's protected environment has them as NEKO_TRUST_POLICY_DIGEST: an update of a stack whose policies have another digest is refused.",
    )
    .argument("<stack>", "the stack whose policies to digest")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Example:
  neko-trust policy digest production`,
    )
    .action((stack: string) =>
      run(async (context) => {
        const { policyDigestAction } = await import("../actions/policy-digest.ts");
        return policyDigestAction(stack, context);
      }),
    );
};
