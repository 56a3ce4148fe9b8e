import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { requireProviders } from "../../src/core/require-providers.ts";
import { gceState, runnerAccountArgs, templateArgs } from "./gce-args.ts";
import { materialRoleArgs, memberOf, starterCondition, starterRoleArgs } from "./gce-grants.ts";
import { firewallRules, natArgs, networkArgs, routerArgs, subnetworkArgs } from "./gce-network.ts";
import type { GceSettings } from "./gce-settings.ts";

export interface GceRunnersArgs {
  readonly settings: GceSettings;
  /** E-mail of the service account that may start machines; left out, nobody is given that right here. */
  readonly starter?: pulumi.Input<string> | undefined;
}

/** Options of the part, with the project's provider spelt out. */
export type GceRunnersOptions = pulumi.ComponentResourceOptions & { provider: gcp.Provider };

/** What an ephemeral build machine is made from, the network around it, and the right to start one. */
export class GceRunners extends pulumi.ComponentResource {
  /** For `gcloud compute instances create --source-instance-template`. */
  readonly template: pulumi.Output<string>;
  /** E-mail of the account that machines run as. */
  readonly account: pulumi.Output<string>;
  readonly subnetwork: pulumi.Output<string>;

  constructor(name: string, args: GceRunnersArgs, opts: GceRunnersOptions) {
    requireProviders("GceRunners", opts, ["gcp"]);
    const { settings } = args;
    super("neko-trust:runners:GceRunners", name, gceState(settings), opts);
    const account = new gcp.serviceaccount.Account(`${name}-account`, runnerAccountArgs(settings), { parent: this });
    const place = { ...this.#network(name, settings), account: account.email };
    const rules = firewallRules(settings, place).map(
      ({ suffix, args: rule }) => new gcp.compute.Firewall(`${name}-${suffix}`, rule, { parent: this }),
    );
    // A machine can only be started from it: never before the rules are there.
    const template = new gcp.compute.InstanceTemplate(`${name}-template`, templateArgs(settings, place), {
      parent: this,
      dependsOn: rules,
    });
    if (args.starter !== undefined) {
      this.#letStart(name, settings, pulumi.output(args.starter).apply(memberOf), { account, template, place });
    }
    this.template = template.selfLink;
    this.account = account.email;
    this.subnetwork = pulumi.output(place.subnetwork);
    this.registerOutputs({ template: this.template, account: this.account, subnetwork: this.subnetwork });
  }

  /** The subnet that machines are attached to, made here or not. */
  #network(
    name: string,
    settings: GceSettings,
  ): { readonly network: pulumi.Input<string>; readonly subnetwork: pulumi.Input<string> } {
    if (settings.network.kind === "existing") return settings.network;
    const network = new gcp.compute.Network(`${name}-network`, networkArgs(settings), { parent: this });
    const subnetwork = new gcp.compute.Subnetwork(
      `${name}-subnet`,
      subnetworkArgs(settings, network.selfLink, settings.network.cidr),
      { parent: this },
    );
    const router = new gcp.compute.Router(`${name}-router`, routerArgs(settings, network.selfLink), { parent: this });
    new gcp.compute.RouterNat(`${name}-nat`, natArgs(settings, router.name, subnetwork.selfLink), { parent: this });
    return { network: network.selfLink, subnetwork: subnetwork.selfLink };
  }

  #letStart(
    name: string,
    settings: GceSettings,
    member: pulumi.Output<string>,
    made: {
      readonly account: gcp.serviceaccount.Account;
      readonly template: gcp.compute.InstanceTemplate;
      readonly place: { readonly subnetwork: pulumi.Input<string> };
    },
  ): void {
    const { project, region, image } = settings;
    const parent = { parent: this };
    const starter = new gcp.projects.IAMCustomRole(`${name}-starter-role`, starterRoleArgs(settings), parent);
    const material = new gcp.projects.IAMCustomRole(`${name}-material-role`, materialRoleArgs(settings), parent);
    new gcp.projects.IAMMember(
      `${name}-starter`,
      { project, role: starter.name, member, condition: starterCondition(settings) },
      parent,
    );
    new gcp.compute.InstanceTemplateIamMember(
      `${name}-starter-template`,
      { project, name: made.template.name, role: material.name, member },
      parent,
    );
    new gcp.compute.SubnetworkIAMMember(
      `${name}-starter-subnet`,
      { project, region, subnetwork: made.place.subnetwork, role: material.name, member },
      parent,
    );
    // A custom role of one project can't be granted on another's image: its owner lets it be read (see the README).
    if (image.project === project) {
      new gcp.compute.ImageIamMember(
        `${name}-starter-image`,
        { project, image: image.name, role: material.name, member },
        parent,
      );
    }
    new gcp.serviceaccount.IAMMember(
      `${name}-starter-account`,
      { serviceAccountId: made.account.name, role: "roles/iam.serviceAccountUser", member },
      parent,
    );
  }
}
