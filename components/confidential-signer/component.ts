import * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { requireProviders } from "../../src/core/require-providers.ts";
import type { SignerFacts } from "../../src/core/release/signer-release.ts";
import * as args from "./args.ts";
import { checkedGenerations } from "./generations.ts";
import type { CheckedGeneration, SignerGeneration } from "./generations.ts";
import { attestedAlertArgs, attestedMetricArgs } from "./health-args.ts";
import * as networkArgs from "./network-args.ts";
import type { ConfidentialSignerSettings } from "./settings.ts";

export interface ConfidentialSignerArgs extends SignerGeneration {
  /** The stack's settings, parsed by `confidentialSignerSettingsSchema`. */
  readonly settings: ConfidentialSignerSettings;
  /** Older releases whose machines run on until the current one's attest; they are no longer protected. */
  readonly retained?: readonly SignerGeneration[];
}

/** Options of a component, with the provider spelt out: the default one would take whatever credentials lie around. */
export type ConfidentialSignerOptions = pulumi.ComponentResourceOptions &
  ({ provider: gcp.Provider } | { providers: { gcp: gcp.Provider } });

/** One machine that runs. */
export interface SignerInstance {
  readonly name: string;
  readonly zone: string;
  /** Compute Engine's numeric id. */
  readonly instanceId: string;
  readonly release: string;
  readonly current: boolean;
}

/** What a quote of the current machines must show. */
export type SignerMeasurements = SignerFacts["measurements"] & { readonly rtmr0: "replayed" | "not-replayed" };

/**
 * The signers: TDX machines in a network that lets nothing in and only listed destinations out, each from the disk that
 * its verified release names, one in each zone.
 */
export class ConfidentialSigner extends pulumi.ComponentResource {
  /** Current ones first, then those that are retained. */
  readonly instances: pulumi.Output<SignerInstance[]>;
  /** Self link of the current release's image. */
  readonly image: pulumi.Output<string>;
  /** Of the current release's manifest; undefined while the release is only planned. */
  readonly measurements: pulumi.Output<SignerMeasurements | undefined>;
  readonly serviceAccountEmail: pulumi.Output<string>;
  /** Self link. */
  readonly network: pulumi.Output<string>;
  readonly bucket: pulumi.Output<string>;
  /** Name of the alert that fires when a current signer does not attest. */
  readonly alertPolicy: pulumi.Output<string>;

  constructor(name: string, given: ConfidentialSignerArgs, opts: ConfidentialSignerOptions) {
    requireProviders("ConfidentialSigner", opts, ["gcp"]);
    const { settings } = given;
    const generations = checkedGenerations(settings, given, given.retained ?? [], {
      dryRun: pulumi.runtime.isDryRun(),
    });
    super("neko-trust:signer:ConfidentialSigner", name, args.toState(settings, generations), opts);
    const [current] = generations;
    for (const { digest, diskPath } of generations) {
      if (diskPath !== undefined) continue;
      const told = `The disk of ${digest} was not fetched: this preview plans with a placeholder in its place.`;
      void pulumi.log.warn(told, this);
    }
    const keyRing = this.#keyRing(name, settings);
    const { network, subnetwork, ready } = this.#network(name, settings);
    const account = new gcp.serviceaccount.Account(`${name}-account`, args.serviceAccountArgs(settings), {
      parent: this,
    });
    const logWriter = new gcp.projects.IAMMember(`${name}-log-writer`, args.logWriterArgs(settings, account.member), {
      parent: this,
    });
    const artifactKey = this.#key(name, settings, "artifact", keyRing);
    const diskKey = this.#key(name, settings, "disk", keyRing);
    const keep = settings.onDestroy === "keep";
    const bucket = new gcp.storage.Bucket(`${name}-disks`, args.bucketArgs(settings, artifactKey.key.id), {
      parent: this,
      dependsOn: [artifactKey.user],
      protect: keep,
      retainOnDelete: keep,
    });
    const machines = generations.map((generation) => {
      const image = this.#image(name, settings, generation, bucket);
      const vms = settings.zones.toSorted().map((zone) => {
        const parts = {
          image: image.selfLink,
          subnetwork: subnetwork.selfLink,
          diskKey: diskKey.key.id,
          serviceAccountEmail: account.email,
        };
        return new gcp.compute.Instance(
          `${name}-vm-${generation.key}-${args.zoneLetter(zone)}`,
          args.instanceArgs(settings, generation, zone, parts),
          // A machine never runs before the rules that hold it.
          {
            parent: this,
            dependsOn: [...ready, logWriter, diskKey.user],
            protect: args.isProtected(settings, generation),
          },
        );
      });
      return { generation, image, vms };
    });
    const currentVms = machines.filter(({ generation }) => generation.current).flatMap(({ vms }) => vms);
    const metric = new gcp.logging.Metric(`${name}-attested`, attestedMetricArgs(settings), { parent: this });
    const alert = new gcp.monitoring.AlertPolicy(
      `${name}-attested-alert`,
      attestedAlertArgs(
        settings,
        metric.name,
        currentVms.map((vm) => vm.instanceId),
      ),
      { parent: this },
    );
    this.instances = pulumi.all(
      machines.flatMap(({ generation, vms }) =>
        vms.map((vm) =>
          pulumi.all([vm.name, vm.zone, vm.instanceId]).apply(([vmName, zone, instanceId]) => ({
            name: vmName,
            zone,
            instanceId,
            release: `${generation.repository}@${generation.digest}`,
            current: generation.current,
          })),
        ),
      ),
    );
    const [newest] = machines;
    this.image = newest === undefined ? pulumi.output("") : newest.image.selfLink;
    this.measurements = pulumi.output(
      current.measurements === undefined ? undefined : { ...current.measurements, rtmr0: settings.tdx.rtmr0 },
    );
    this.serviceAccountEmail = account.email;
    this.network = network.selfLink;
    this.bucket = bucket.name;
    this.alertPolicy = alert.name;
    this.registerOutputs({
      instances: this.instances,
      image: this.image,
      measurements: this.measurements,
      serviceAccountEmail: this.serviceAccountEmail,
      network: this.network,
      bucket: this.bucket,
      alertPolicy: this.alertPolicy,
    });
  }

  /** A key ring can't be deleted: the program forgets it, and `adopt` finds it again. */
  #keyRing(name: string, settings: ConfidentialSignerSettings): gcp.kms.KeyRing {
    return new gcp.kms.KeyRing(`${name}-keys`, args.keyRingArgs(settings), {
      parent: this,
      protect: settings.onDestroy === "keep",
      retainOnDelete: true,
      ...(settings.keys.adopt ? { import: args.keyRingId(settings) } : {}),
    });
  }

  /** A deleted key's versions are destroyed, and with them what they encrypted: never by this program. */
  #key(
    name: string,
    settings: ConfidentialSignerSettings,
    use: args.KeyUse,
    ring: gcp.kms.KeyRing,
  ): { readonly key: gcp.kms.CryptoKey; readonly user: gcp.kms.CryptoKeyIAMMember } {
    const id = `${args.keyRingId(settings)}/cryptoKeys/${args.keyName(settings, use)}`;
    const key = new gcp.kms.CryptoKey(`${name}-${use}-key`, args.cryptoKeyArgs(settings, use, ring.id), {
      parent: this,
      protect: settings.onDestroy === "keep",
      retainOnDelete: true,
      ...(settings.keys.adopt ? { import: id } : {}),
    });
    const user = new gcp.kms.CryptoKeyIAMMember(`${name}-${use}-key-user`, args.keyUserArgs(settings, use, key.id), {
      parent: this,
    });
    return { key, user };
  }

  #image(
    name: string,
    settings: ConfidentialSignerSettings,
    generation: CheckedGeneration,
    bucket: gcp.storage.Bucket,
  ): gcp.compute.Image {
    const parent = { parent: this };
    const object = new gcp.storage.BucketObject(
      `${name}-disk-${generation.key}`,
      args.diskObjectArgs(generation, bucket.name),
      parent,
    );
    return new gcp.compute.Image(
      `${name}-image-${generation.key}`,
      args.imageArgs(settings, generation, { bucket: object.bucket, name: object.name }),
      parent,
    );
  }

  /** `ready`: what a machine waits for. */
  #network(
    name: string,
    settings: ConfidentialSignerSettings,
  ): {
    readonly network: gcp.compute.Network;
    readonly subnetwork: gcp.compute.Subnetwork;
    readonly ready: readonly pulumi.Resource[];
  } {
    const parent = { parent: this };
    const network = new gcp.compute.Network(`${name}-network`, networkArgs.networkArgs(settings), parent);
    const subnetwork = new gcp.compute.Subnetwork(
      `${name}-subnetwork`,
      networkArgs.subnetworkArgs(settings, network.selfLink),
      parent,
    );
    const policy = new gcp.compute.NetworkFirewallPolicy(
      `${name}-firewall`,
      networkArgs.firewallPolicyArgs(settings),
      parent,
    );
    const rules = Object.entries(networkArgs.firewallRules(settings)).map(
      ([rule, shape]) =>
        new gcp.compute.NetworkFirewallPolicyRule(
          `${name}-rule-${rule}`,
          { ...shape, firewallPolicy: policy.name },
          parent,
        ),
    );
    const association = new gcp.compute.NetworkFirewallPolicyAssociation(
      `${name}-firewall-association`,
      networkArgs.firewallAssociationArgs(settings, policy.name, network.selfLink),
      { parent: this, dependsOn: rules },
    );
    const routes = Object.entries(networkArgs.routeArgs(settings, network.selfLink)).map(
      ([route, shape]) => new gcp.compute.Route(`${name}-route-${route}`, shape, parent),
    );
    const zone = new gcp.dns.ManagedZone(
      `${name}-google-apis`,
      networkArgs.dnsZoneArgs(settings, network.selfLink),
      parent,
    );
    const records = Object.entries(networkArgs.dnsRecords(settings, zone.name)).map(
      ([record, shape]) => new gcp.dns.RecordSet(`${name}-record-${record}`, shape, parent),
    );
    const dnsLog = new gcp.dns.Policy(`${name}-dns-log`, networkArgs.dnsPolicyArgs(settings, network.selfLink), parent);
    const ready = [association, ...routes, ...records, dnsLog];
    if (!networkArgs.needsInternet(settings)) return { network, subnetwork, ready };
    const router = new gcp.compute.Router(`${name}-router`, networkArgs.routerArgs(settings, network.selfLink), parent);
    const nat = new gcp.compute.RouterNat(
      `${name}-nat`,
      networkArgs.natArgs(settings, router.name, subnetwork.selfLink),
      parent,
    );
    return { network, subnetwork, ready: [...ready, nat] };
  }
}
