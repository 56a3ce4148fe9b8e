import * as command from "@pulumi/command";
import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { requireProviders } from "../../src/core/require-providers.ts";
import {
  actionsPermissionsArgs,
  branchRulesetArgs,
  checkedApi,
  immutableReleasesArgs,
  needsCommands,
  packageArgs,
  repositoryArgs,
  subjectTemplateArgs,
  tagCreationRulesetArgs,
  tagRulesetArgs,
  toState,
  workflowPermissionsArgs,
} from "./args.ts";
import type { GitHubApiAccess } from "./args.ts";
import type { GhcrRepositorySettings } from "./settings.ts";

export interface GhcrRepositoryArgs {
  /** The stack's settings, parsed by `ghcrRepositorySettingsSchema`; plain, so that a mistake shows before the engine runs. */
  readonly settings: GhcrRepositorySettings;
  /** GitHub's API, for what its provider has no resource for; needed by `immutableReleases` and `package`. */
  readonly api?: GitHubApiAccess;
}

/**
 * Options of a component, with its providers spelt out: a default one would take whatever credentials lie around.
 * `command` is needed where the settings have `immutableReleases` or `package`.
 */
export type GhcrRepositoryOptions = pulumi.ComponentResourceOptions &
  ({ provider: github.Provider } | { providers: { github: github.Provider; command?: command.Provider } });

/**
 * The GitHub repository that builds and publishes an image: its settings, rulesets for the default branch, for release tags
 * and for who makes those, what Actions may run and write, and the subject of its workload tokens.
 */
export class GhcrRepository extends pulumi.ComponentResource {
  /** The repository's name, without owner. */
  readonly repositoryName: pulumi.Output<string>;
  /** owner/name. */
  readonly fullName: pulumi.Output<string>;
  /** The numeric id, as certificates and workload tokens carry it. */
  readonly repositoryId: pulumi.Output<number>;
  readonly branchRulesetId: pulumi.Output<number>;
  readonly tagRulesetId: pulumi.Output<number>;
  /** What `neko-trust github package --json` printed when the package was last looked at; "" when it is not. */
  readonly packageCheck: pulumi.Output<string>;

  constructor(name: string, args: GhcrRepositoryArgs, opts: GhcrRepositoryOptions) {
    const { settings } = args;
    requireProviders("GhcrRepository", opts, needsCommands(settings) ? ["github", "command"] : ["github"]);
    const api = needsCommands(settings) ? checkedApi(settings, args.api) : undefined;
    super("neko-trust:github:GhcrRepository", name, toState(settings), opts);
    const { adopt } = settings;
    const keep = settings.onDestroy === "keep";
    const repository = new github.Repository(`${name}-repository`, repositoryArgs(settings), {
      parent: this,
      // Issues, releases and the package's link are lost with a repository: nothing here may delete it by accident.
      protect: keep,
      retainOnDelete: keep,
      ...(adopt?.repository === true ? { import: settings.name } : {}),
    });
    const imported = (id: number | undefined) => (id === undefined ? {} : { import: `${settings.name}:${id}` });
    const branch = new github.RepositoryRuleset(
      `${name}-default-branch`,
      branchRulesetArgs(settings, repository.name),
      { parent: this, ...imported(adopt?.branchRuleset) },
    );
    const tags = new github.RepositoryRuleset(`${name}-release-tags`, tagRulesetArgs(settings, repository.name), {
      parent: this,
      ...imported(adopt?.tagRuleset),
    });
    new github.RepositoryRuleset(`${name}-release-tag-creation`, tagCreationRulesetArgs(settings, repository.name), {
      parent: this,
      ...imported(adopt?.tagCreationRuleset),
    });
    const parent = { parent: this };
    new github.RepositoryVulnerabilityAlerts(
      `${name}-vulnerability-alerts`,
      { repository: repository.name, enabled: true },
      parent,
    );
    new github.ActionsRepositoryPermissions(
      `${name}-actions`,
      actionsPermissionsArgs(settings, repository.name),
      parent,
    );
    new github.WorkflowRepositoryPermissions(
      `${name}-workflows`,
      workflowPermissionsArgs(settings, repository.name),
      parent,
    );
    new github.ActionsRepositoryOidcSubjectClaimCustomizationTemplate(
      `${name}-oidc-subject`,
      subjectTemplateArgs(settings, repository.name),
      parent,
    );
    this.packageCheck = this.#commands(name, settings, api, repository);
    this.repositoryName = repository.name;
    this.fullName = repository.fullName;
    this.repositoryId = repository.repoId;
    this.branchRulesetId = branch.rulesetId;
    this.tagRulesetId = tags.rulesetId;
    this.registerOutputs({
      repositoryName: this.repositoryName,
      fullName: this.fullName,
      repositoryId: this.repositoryId,
      branchRulesetId: this.branchRulesetId,
      tagRulesetId: this.tagRulesetId,
      packageCheck: this.packageCheck,
    });
  }

  /** What the provider has no resource for. Each command is safe to run again, and says nothing that is secret. */
  #commands(
    name: string,
    settings: GhcrRepositorySettings,
    api: GitHubApiAccess | undefined,
    repository: github.Repository,
  ): pulumi.Output<string> {
    if (api === undefined) return pulumi.output("");
    const options = { parent: this, dependsOn: [repository], additionalSecretOutputs: ["environment"] };
    if (settings.immutableReleases !== undefined) {
      new command.local.Command(
        `${name}-immutable-releases`,
        immutableReleasesArgs(settings, api, repository.fullName),
        options,
      );
    }
    if (settings.package === undefined) return pulumi.output("");
    return new command.local.Command(
      `${name}-package`,
      packageArgs(settings.package, api, repository.fullName),
      options,
    ).stdout;
  }
}
