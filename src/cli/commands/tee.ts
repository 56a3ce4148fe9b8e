import type { TeeEndorsementOptions } from "../actions/tee-endorsement.ts";
import type { TeeStatusOptions } from "../actions/tee-status.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerTee: RegisterCommand = (program, run) => {
  const tee = program.command("tee").summary("look after machines that TDX measures");
  tee
    .command("status")
    .summary("tell a platform's TCB status, its advisories, and when collateral will expire")
    .description(
      "Asks Intel's service (or takes a collateral file) what it says of the platform that made a quote: TCB status and level, advisories, evaluation numbers, and until when each statement and list is valid. Intel's early statements are asked too, so that a level that will be out of date is told before it is. Exits 1 when something has expired, or does not meet the policy; without a policy, when the platform is not UpToDate.",
    )
    .option("--quote <file>", "a quote of the machine, as configfs-tsm wrote it")
    .option("--fmspc <hex>", "instead of a quote: a platform's FMSPC, 12 hex digits; tells Intel's levels alone")
    .option("--ca <name>", "with --fmspc: whose list is asked for, platform or processor", "platform")
    .option("--collateral <file>", "take this collateral (as dcap-qvl writes it), and ask nobody")
    .option("--at <time>", "with --collateral: as of this time, for example 2026-11-27T00:00:00Z (default: now)")
    .option("--policy <file>", "the TrustPolicy (YAML or JSON) whose tee has to be met")
    .option("--within <duration>", "what ends within this time counts as ended, for example 7d")
    .option("--service <url>", "another service with Intel's interface", "https://api.trustedservices.intel.com")
    .option(
      "--root-crl <url>",
      "where Intel's root revocation list is",
      "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
    )
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust tee status --quote quote.bin --policy policy.yaml --within 7d
  neko-trust tee status --fmspc 00806f050000
  neko-trust tee status --quote quote.bin --collateral collateral.json --at 2026-11-27T00:00:00Z

What the service answered is kept for a day in the cache folder, and never gives way to older statements.`,
    )
    .action((options: TeeStatusOptions) =>
      run(async (context) => {
        const { teeStatusAction } = await import("../actions/tee-status.ts");
        return teeStatusAction(options, context);
      }),
    );
  tee
    .command("endorsement")
    .summary("verify Google's endorsement of a machine's firmware, and show when MRTD has drifted")
    .description(
      "Looks up what Google signed about the virtual firmware with exactly this MRTD, verifies it under Google's root certificate, whose SHA-256 is pinned, and tells for which machines it is, its security version and its source. Exits 1 when Google vouches for no such firmware, or the endorsement does not hold or is of another firmware. The quote itself is not verified here.",
    )
    .option("--quote <file>", "a quote of the machine; only its MRTD is read")
    .option("--mrtd <hex>", "instead of a quote: MRTD, 96 hex digits")
    .option("--root <file>", "Google's root certificate (GCE-cc-tcb-root_1.crt), PEM or DER (default: fetch it)")
    .option("--root-url <url>", "where it is fetched", "https://pki.goog/cloud_integrity/GCE-cc-tcb-root_1.crt")
    .option("--root-sha256 <hex>", "SHA-256 of another root certificate's DER, in place of the pinned one")
    .option("--endorsement <file>", "take this endorsement (binarypb), and ask nobody")
    .option("--bucket <url>", "another bucket with Google's layout (default: Google's own)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust tee endorsement --quote quote.bin
  neko-trust tee endorsement --mrtd c1ee9c16… --root GCE-cc-tcb-root_1.crt --endorsement endorsement.binarypb

With --root and --endorsement nobody is asked. From wherever the certificate comes, it is the root only with the pinned digest
(src/core/tdx/google-root.ts).`,
    )
    .action((options: TeeEndorsementOptions) =>
      run(async (context) => {
        const { teeEndorsementAction } = await import("../actions/tee-endorsement.ts");
        return teeEndorsementAction(options, context);
      }),
    );
};
