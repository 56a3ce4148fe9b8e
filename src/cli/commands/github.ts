import type { GitHubImmutableReleasesOptions, GitHubPackageOptions } from "../actions/github.ts";
import type { RegisterCommand } from "../commands.ts";

const environment = `
NEKO_TRUST_GITHUB_TOKEN holds the token; it is never taken from the command line, and never shown.
NEKO_TRUST_TARGET is the address of GitHub's API: https://api.github.com unless set.`;

export const registerGitHub: RegisterCommand = (program, run) => {
  const github = program.command("github").summary("what GitHub's provider has no resource for: set it, or look at it");
  github
    .command("immutable-releases")
    .summary("turn immutable releases of a repository on or off, and read back that it is so")
    .description(
      "Reads the setting, changes it only where it differs, and reads it back. A second call changes nothing. Exits 1 when GitHub took the call but the setting stays as it was, 3 when GitHub can't be asked.",
    )
    .argument("<repository>", "owner/name")
    .argument("<state>", "on or off")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust github immutable-releases m1k1o/neko on
  neko-trust github immutable-releases m1k1o/neko off --json
${environment}
The token needs administration of the repository (read and write).`,
    )
    .action((repository: string, state: string, options: GitHubImmutableReleasesOptions) =>
      run(async (context) => {
        const { gitHubImmutableReleasesAction } = await import("../actions/github.ts");
        return gitHubImmutableReleasesAction(repository, state, options, context);
      }),
    );
  github
    .command("package")
    .summary("check that a GHCR package has the visibility and the repository that were declared")
    .description(
      "GitHub has no call that sets a package's visibility or link, so this looks, and says where a person sets it. A package that was never pushed awaits its first release: exit code 0, and a state of its own. Exits 1 when it differs, 2 when the token can't tell, 3 when GitHub can't be asked.",
    )
    .argument("<package>", "owner/name, below ghcr.io")
    .option("--owner-kind <kind>", "organization or user: what the owner is (needed)")
    .option("--visibility <visibility>", "public, private or internal (needed)")
    .option("--repository <repository>", "owner/name of the repository that it has to be linked to (needed)")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Examples:
  neko-trust github package m1k1o/neko --owner-kind user --visibility public --repository m1k1o/neko
${environment}
Packages of an account are read by classic tokens alone: the scope is read:packages.`,
    )
    .action((name: string, options: GitHubPackageOptions) =>
      run(async (context) => {
        const { gitHubPackageAction } = await import("../actions/github.ts");
        return gitHubPackageAction(name, options, context);
      }),
    );
};
