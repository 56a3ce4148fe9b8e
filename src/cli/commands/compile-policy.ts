import { Option } from "commander";
import { compileTargetNames } from "../../core/compile/target-names.ts";
import type { CompilePolicyOptions } from "../actions/compile-policy.ts";
import { collect } from "../collect.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerCompilePolicy: RegisterCommand = (program, run) => {
  program
    .command("compile-policy")
    .summary("print what a trust policy is in the words of an engine or the key broker, as YAML")
    .description(
      "Compiles a TrustPolicy for one target, with the same code that provisions clusters: for those who apply YAML themselves. A list of digests is made from releases that are verified here and now; the others need none. For key-broker the policy is the signer's, and the releases are the signer's.",
    )
    .addOption(new Option("--target <name>", "what to compile for").choices(compileTargetNames))
    .option("--stack <name>", "this stack's policy, releases and placement")
    .option("--cluster <name>", "with --stack: the cluster, where it has several")
    .option("--policy <file>", "this TrustPolicy (YAML or JSON) instead of a stack's")
    .option("--trusted-root <file>", "with --policy: the trusted_root.json that the policy pins")
    .option("--release <reference>", "with --policy: an image that may run, by digest; may be repeated", collect, [])
    .option("--name <name>", "with --policy: starts the objects' names (neko-trust unless given)")
    .option("--rollout <mode>", "with --policy: warn or enforce (warn unless given)")
    .option(
      "--exempt <namespace>",
      "with --policy: not guarded; may be repeated (kube-system unless given)",
      collect,
      [],
    )
    .option("--tuf-mirror <url>", "with --policy: the TUF mirror of a Sigstore instance of your own")
    .option("--tuf-root <file>", "with --tuf-mirror: its root.json")
    .option("--index-provenance", "with --policy: engines demand provenance on the index, too")
    .option(
      "--tee-rules <file>",
      "with --policy, for key-broker: which platforms may get the credential, as keyBroker.tee",
    )
    .option("--resource <type/tag>", "with --policy, for key-broker: where the credential lies in the broker")
    .option("--planned", "list the releases' digests without verifying them; the output says so")
    .option("--output <file>", "write it here instead of to standard output")
    .option("--json", "print one JSON document: the objects and the notes")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust compile-policy --target vap --stack production --cluster europe | kubectl apply --server-side -f -
  neko-trust compile-policy --target kyverno --policy policy.yaml --trusted-root trusted_root.json --output kyverno.yaml
  neko-trust compile-policy --target gatekeeper --policy policy.yaml --trusted-root trusted_root.json \\
    --release ghcr.io/m1k1o/neko/base@sha256:… --rollout enforce
  neko-trust compile-policy --target key-broker --stack production --output key-broker.yaml
  neko-trust compile-policy --target key-broker --policy signer.yaml --trusted-root trusted_root.json \\
    --release ghcr.io/m1k1o/neko/signer@sha256:… --tee-rules tee.yaml --resource credential/registry`,
    )
    .action((options: CompilePolicyOptions) =>
      run(async (context) => {
        const { compilePolicyAction } = await import("../actions/compile-policy.ts");
        return compilePolicyAction(options, context);
      }),
    );
};
