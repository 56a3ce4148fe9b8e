import type { VerifyImageOptions } from "../actions/verify-image.ts";
import type { RegisterCommand } from "../commands.ts";
import { addSignerReleaseOptions } from "./signer-release-options.ts";

export const registerVerifyImage: RegisterCommand = (program, run) => {
  const command = program
    .command("verify-image")
    .summary("verify the whole chain of one or more images under a policy")
    .description(
      "Resolves each reference to a digest once, reads its evidence from the registry and verifies it offline under a policy with a pinned root. Exits 0 when everything is proven, else 1 when an image is refused, else 3 when the evidence of one can't be read; one image never stops the others.",
    )
    .argument("[references...]", "registry/path@sha256:… (or :tag, resolved once)")
    .option(
      "--file <list>",
      "verify the references in this file, too: one in each line, # for comments, - for standard input",
    )
    .option("--stack <name>", "verify under this stack's policy and root")
    .option(
      "--as-signer",
      "with --stack: verify the signer's own release, under the policy of the stack's signerRelease",
    )
    .option("--policy <file>", "verify under this TrustPolicy (YAML or JSON); needs --trusted-root")
    .option("--trusted-root <file>", "the trusted_root.json that the policy pins");
  addSignerReleaseOptions(command)
    .option("--deep", "recompute each platform's NAR hash from the registry's blobs, as slow as a pull")
    .option(
      "--wait-for-rebuilds <duration>",
      "as long as nothing but rebuilds or the attested signature is missing, look again for at most so long, for example 5h",
    )
    .option("--accept-waivers", "exit 0 for images of others that the policy waives; they stay unverified")
    .option("--vsa <file>", "write unsigned SLSA verification summaries, one statement in each line")
    .option("--tree", "print the whole chain of each image, when there are several")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust verify-image ghcr.io/m1k1o/neko/base@sha256:… --stack production
  neko-trust verify-image --file images.txt --policy policy.yaml --trusted-root trusted_root.json --vsa summaries.jsonl
  neko-trust verify-image ghcr.io/m1k1o/neko/base@sha256:… --stack production --wait-for-rebuilds 5h
  kubectl get pods -A -o jsonpath='{range .items[*].spec.containers[*]}{.image}{"\\n"}{end}' |
    neko-trust verify-image --file - --stack production --accept-waivers

The verdict of the time of signing decides. What Intel says today is told with --tee-collateral, which takes what
tee status keeps (the folder intel-pcs in the cache folder) or files of dcap-qvl:
  neko-trust tee status --fmspc 00806f050000
  neko-trust verify-image ghcr.io/m1k1o/neko/base@sha256:… --stack production --tee-collateral ~/.cache/neko-trust/intel-pcs

With one reference, --json prints {ok, resolved, policy, release or findings}; with several or --file
{ok, policy, results: […]}, each result with its reference, in the order of the call. ok means proven: a waived image
has ok false and waived true. A summary (--vsa) is written for each image that passed or failed; one whose evidence
could not be read did neither.

--wait-for-rebuilds is for who waits for a rebuilder, or for the confidential signer after it: a release for which the
policy demands rebuilds or an attested signature that are not there yet is looked at again after 30 seconds, then ever
less often, at least each 5 minutes. Any other refusal, a rebuild that differs above all, ends it at once; so does a
registry that does not answer. When the time is over, the release is refused as without the option.`,
    )
    .action((references: string[], options: VerifyImageOptions) =>
      run(async (context) => {
        const { verifyImageAction } = await import("../actions/verify-image.ts");
        return verifyImageAction(references, options, context);
      }),
    );
};
