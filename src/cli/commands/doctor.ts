import type { DoctorOptions } from "../actions/doctor.ts";
import type { RegisterCommand } from "../commands.ts";

export const registerDoctor: RegisterCommand = (program, run) => {
  program
    .command("doctor")
    .summary("look at everything a stack needs: its file, pins, plugins, tokens and their permissions")
    .description(
      "One line for each thing: ok, missing or could not ask, with what to do. Nothing is changed anywhere, and no secret is printed. Exits 1 when something is missing, else 3 when something could not be asked, else 0.",
    )
    .option("--stack <name>", "which stack", "local")
    .option(
      "--for <what>",
      "what the credentials at hand are for: plan (a preview or drift, which only read) or apply (an update)",
      "apply",
    )
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust doctor --stack staging
  make doctor STACK=production
  neko-trust doctor --stack production --for plan

The GitHub token is the stack's own where pulumi is on PATH and can decrypt it, else GH_TOKEN or GITHUB_TOKEN.
Google's is GOOGLE_OAUTH_ACCESS_TOKEN, else what gcloud has as application default credentials.
Rights in a cluster are asked of its API server (SelfSubjectAccessReview), those in a project of Google (testIamPermissions).`,
    )
    .action((options: DoctorOptions) =>
      run(async (context) => {
        const { doctorAction } = await import("../actions/doctor.ts");
        return doctorAction(options, context);
      }),
    );
};
