import * as github from "@pulumi/github";
import * as pulumi from "@pulumi/pulumi";
import { requireProviders } from "../../src/core/require-providers.ts";
import {
  actionsPermissionsArgs,
  branchRulesetArgs,
  repositoryArgs,
  subjectTemplateArgs,
  tagRulesetArgs,
  toState,
  workflowPermissionsArgs,
} from "./args.ts";
import type { GhcrRepositorySettings } from "./settings.ts";

export interface GhcrRepositoryArgs {
  /** The stack's settings, parsed by `ghcrRepositorySettingsSchema`; plain, so that a mistake shows before the engine runs. */
  readonly settings: GhcrRepositorySettings;
}

/** Options of a component, with the provider spelt out: the default one would take whatever credentials lie around. */
export type GhcrRepositoryOptions = pulumi.ComponentResourceOptions & { provider: github.Provider };

/**
 * The GitHub repository that builds and publishes an image: its settings, rulesets for the default branch and release
 * tags, what Actions may run and write, and the subject of its workload tokens.
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

  constructor(name: string, args: GhcrRepositoryArgs, opts: GhcrRepositoryOptions) {
    requireProviders("GhcrRepository", opts, ["github"]);
    const { settings } = args;
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
    new github.WorkflowRepositoryPermissions(`${name}-workflows`, workflowPermissionsArgs(repository.name), parent);
    new github.ActionsRepositoryOidcSubjectClaimCustomizationTemplate(
      `${name}-oidc-subject`,
      subjectTemplateArgs(settings, repository.name),
      parent,
    );
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
    });
  }
}
