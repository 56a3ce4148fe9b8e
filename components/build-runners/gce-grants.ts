import type * as gcp from "@pulumi/gcp";
import type { GceSettings } from "./gce-settings.ts";

/**
 * Settings → what the release workflow's identity may do: start a machine, take the runner's configuration out of its
 * metadata again, and delete it. Two roles, so that what is used (template, image, subnet) is granted on just that one.
 */

/** On machines and disks whose names start with the part's own. */
const starterPermissions = [
  "compute.disks.create",
  "compute.instances.create",
  // When the job is done; the end of its time is only the last resort.
  "compute.instances.delete",
  "compute.instances.get",
  // Compute Engine asks for these when a new machine has labels, metadata or an account.
  "compute.instances.setLabels",
  "compute.instances.setMetadata",
  "compute.instances.setServiceAccount",
  // To learn whether the machine was made.
  "compute.zoneOperations.get",
] as const;

/** Without `subnetworks.useExternalIp`, which roles/compute.networkUser has: no machine gets an external address. */
const materialPermissions = [
  "compute.images.useReadOnly",
  "compute.instanceTemplates.useReadOnly",
  "compute.subnetworks.use",
] as const;

const roleId = (name: string, suffix: string): string => `${name.replaceAll("-", "_")}_${suffix}`;

export function starterRoleArgs({ project, name }: GceSettings): gcp.projects.IAMCustomRoleArgs {
  return {
    project,
    roleId: roleId(name, "starter"),
    title: "Starts build runners",
    description: "Starts, watches and deletes build machines",
    permissions: [...starterPermissions],
    stage: "GA",
  };
}

export function materialRoleArgs({ project, name }: GceSettings): gcp.projects.IAMCustomRoleArgs {
  return {
    project,
    roleId: roleId(name, "material"),
    title: "Uses what build runners are made of",
    description: "Granted on one template, one image and one subnet",
    permissions: [...materialPermissions],
    stage: "GA",
  };
}

/** Machines and disks by name; an operation has neither type, and is only looked at. */
export function starterCondition({ project, zones, name }: GceSettings): {
  readonly title: string;
  readonly description: string;
  readonly expression: string;
} {
  const named = (type: string, collection: string): string => {
    const prefixes = zones
      .toSorted()
      .map((zone) => `resource.name.startsWith("projects/${project}/zones/${zone}/${collection}/${name}-")`);
    return `(resource.type == "compute.googleapis.com/${type}" && (${prefixes.join(" || ")}))`;
  };
  const others =
    '(resource.type != "compute.googleapis.com/Instance" && resource.type != "compute.googleapis.com/Disk")';
  return {
    title: `${name} machines only`,
    description: "Names start with the runners' own",
    expression: [named("Instance", "instances"), named("Disk", "disks"), others].join(" || "),
  };
}

/** A service account's e-mail as IAM writes it. */
export function memberOf(email: string): string {
  return `serviceAccount:${email}`;
}
