import { createHash } from "node:crypto";
import type * as gcp from "@pulumi/gcp";
import type * as pulumi from "@pulumi/pulumi";
import { durationMilliseconds } from "../../src/core/duration.ts";
import { canonicalBytes } from "../../src/core/json/canonical-json.ts";
import type { GceSettings } from "./gce-settings.ts";

/** Settings → arguments of the machines' template, account and network. Pure. */

/** What is kept in the part's state and diffed: settings only, nothing secret. */
export function gceState(settings: GceSettings): Record<string, unknown> {
  const { project, region, zones, machineType, image, maxRunTime, provisioning, network, signs } = settings;
  return {
    ...{ project, region, zones, machineType, maxRunTime, provisioning, signs },
    image: `${image.project}/${image.name} (${image.sha256})`,
    network: network.kind === "own" ? `own ${network.cidr}` : network.subnetwork,
    egress: network.egress.map(({ name, cidrs, ports }) => `${name}: ${cidrs.length} ranges, tcp ${ports.join(" ")}`),
  };
}

/** An account for machines and nothing else: it is given no role, anywhere. */
export function runnerAccountArgs(settings: GceSettings): gcp.serviceaccount.AccountArgs {
  return {
    project: settings.project,
    accountId: `${settings.name}-runner`,
    displayName: "Build runners",
    description: "Identity of ephemeral build machines. It must have no roles: jobs run as it.",
  };
}

/** Where machines are attached, and what their firewall rules belong to. */
export interface GcePlace {
  readonly network: pulumi.Input<string>;
  readonly subnetwork: pulumi.Input<string>;
  /** The machines' account. */
  readonly account: pulumi.Input<string>;
}

/**
 * What every machine carries. No key or console lets anybody in, and the image must not start what reads startup scripts
 * from here: whoever may start a machine could run code in it before the job does.
 */
export const machineMetadata = {
  "block-project-ssh-keys": "true",
  "disable-legacy-endpoints": "true",
  "serial-port-enable": "false",
} as const;

/** A machine that runs one job without an address of its own, and is deleted at the end of its time. */
export function templateArgs(settings: GceSettings, place: GcePlace): gcp.compute.InstanceTemplateArgs {
  const { project, machineType, image, disk } = settings;
  const isSpot = settings.provisioning === "spot";
  return {
    project,
    name: templateName(settings),
    description: `One build job per machine, image ${image.sha256}`,
    instanceDescription: "Ephemeral build runner",
    machineType,
    labels: { "neko-trust": "build-runner" },
    metadata: machineMetadata,
    canIpForward: false,
    disks: [
      {
        boot: true,
        autoDelete: true,
        sourceImage: `projects/${image.project}/global/images/${image.name}`,
        diskType: disk.type,
        diskSizeGb: disk.sizeGb,
        labels: { "neko-trust": "build-runner" },
      },
    ],
    // No accessConfigs: no external address. IPv4 only, so that the firewall's rules say all there is to say.
    networkInterfaces: [{ subnetwork: place.subnetwork, stackType: "IPV4_ONLY" }],
    // The narrowest scope that there is: a token, if a job got one, could not even be shown to other APIs.
    serviceAccount: { email: place.account, scopes: ["https://www.googleapis.com/auth/logging.write"] },
    scheduling: {
      automaticRestart: false,
      preemptible: isSpot,
      provisioningModel: isSpot ? "SPOT" : "STANDARD",
      onHostMaintenance: isSpot ? "TERMINATE" : "MIGRATE",
      maxRunDuration: { seconds: durationMilliseconds(settings.maxRunTime) / 1000 },
      instanceTerminationAction: "DELETE",
    },
    shieldedInstanceConfig: {
      enableSecureBoot: settings.secureBoot === "required",
      enableVtpm: true,
      enableIntegrityMonitoring: true,
    },
  };
}

/** Templates can't be changed: another content gets another name, and the old one goes when the new one is there. */
function templateName(settings: GceSettings): string {
  const { zones: _zones, ...content } = settings;
  return `${settings.name}-${createHash("sha256").update(canonicalBytes(content)).digest("hex").slice(0, 12)}`;
}
