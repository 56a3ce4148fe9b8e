import { createHash } from "node:crypto";
import type { LabValues } from "../lab-values.ts";
import type { StandIn } from "../provider.ts";
import { idPart, recordingStandIn } from "../recording.ts";
import type { Description } from "../recording.ts";
import { secret, textAt } from "../wire/values.ts";
import type { ValueMap } from "../wire/values.ts";
import { describedByPath, identityKeysOf } from "./described.ts";

const labProject = "neko-lab";

/** Everything in Google Cloud is recorded; the values that programs read are lab values (lab-values.ts). */
export function gcpStandIn(): StandIn {
  return recordingStandIn({
    packageName: "gcp",
    describe(type, inputs, config, lab) {
      const place = placeOf(inputs, config);
      return (
        described[type]?.(inputs, place, lab) ??
        (/I(?:am|AM)Member$/.test(type) ? grant(inputs, lab) : undefined) ??
        (type.startsWith("gcp:compute/") ? compute(type, inputs, place, lab) : { computed: {} })
      );
    },
    identityKeys: (type) => [...identityKeys, ...(identityKeysOf[type] ?? [])],
    invoke,
  });
}

/** Names and places are ForceNew throughout Google's provider. */
const identityKeys = [
  ...["name", "project", "zone", "region", "location", "accountId", "secretId", "repositoryId"],
  ...["workloadIdentityPoolId", "workloadIdentityPoolProviderId", "keyRingId"],
  // Of grants, which are made and taken away, never changed.
  ...["roleId", "role", "member", "condition", "serviceAccountId"],
];

/** Where a resource is made: its own inputs, else the provider's configuration. */
export interface Place {
  readonly project: string;
  readonly projectNumber: number;
  readonly region: string;
  readonly zone: string;
}

function placeOf(inputs: ValueMap, config: ValueMap): Place {
  const project = textAt(inputs, "project") ?? textAt(config, "project") ?? labProject;
  const region = textAt(inputs, "region") ?? textAt(config, "region") ?? "lab-region1";
  const zone = textAt(inputs, "zone") ?? textAt(config, "zone") ?? `${region}-a`;
  return { project, projectNumber: projectNumber(project), region, zone };
}

/** The same number for a project wherever it is named: programs build principals from it. Begins with 99. */
function projectNumber(project: string): number {
  return 990_000_000_000 + (createHash("sha256").update(project).digest().readUIntBE(0, 6) % 10_000_000_000);
}

export type Describe = (inputs: ValueMap, place: Place, lab: LabValues) => Description;

const described: Readonly<Record<string, Describe>> = {
  ...describedByPath,
  "gcp:serviceaccount/account:Account": (inputs, { project }, lab) => {
    const email = `${idPart(inputs, "accountId") ?? `lab-${lab.hex("account", 8)}`}@${project}.iam.gserviceaccount.lab.invalid`;
    const name = `projects/${project}/serviceAccounts/${email}`;
    return {
      id: name,
      computed: { email, name, member: `serviceAccount:${email}`, uniqueId: String(lab.number("id")) },
    };
  },
  "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": (inputs, { project, projectNumber: number }, lab) => {
    const path = `locations/global/workloadIdentityPools/${idPart(inputs, "workloadIdentityPoolId") ?? lab.hex("pool", 8)}`;
    return { id: `projects/${project}/${path}`, computed: { name: `projects/${number}/${path}`, state: "NEKO-LAB" } };
  },
  "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider": (
    inputs,
    { project, projectNumber: number },
    lab,
  ) => {
    const pool = idPart(inputs, "workloadIdentityPoolId") ?? lab.hex("pool", 8);
    const provider = idPart(inputs, "workloadIdentityPoolProviderId") ?? lab.hex("provider", 8);
    const path = `locations/global/workloadIdentityPools/${pool}/providers/${provider}`;
    return { id: `projects/${project}/${path}`, computed: { name: `projects/${number}/${path}`, state: "NEKO-LAB" } };
  },
  "gcp:secretmanager/secret:Secret": (inputs, { project, projectNumber: number }, lab) => {
    const path = `secrets/${idPart(inputs, "secretId") ?? lab.hex("secret", 8)}`;
    return {
      id: `projects/${project}/${path}`,
      computed: { name: `projects/${number}/${path}`, createTime: lab.time },
    };
  },
  "gcp:secretmanager/secretVersion:SecretVersion": (inputs, _place, lab) => {
    const name = `${idPart(inputs, "secret") ?? `secrets/${lab.hex("secret", 8)}`}/versions/1`;
    return { id: name, computed: { name, version: "1", createTime: lab.time, destroyTime: "" } };
  },
  "gcp:projects/iAMCustomRole:IAMCustomRole": (inputs, { project }, lab) => {
    const name = `projects/${project}/roles/${idPart(inputs, "roleId") ?? lab.hex("role", 8)}`;
    return { id: name, computed: { name, deleted: false } };
  },
  "gcp:organizations/project:Project": (inputs, _place, lab) => {
    const project = idPart(inputs, "projectId") ?? `lab-${lab.hex("project", 8)}`;
    return { id: `projects/${project}`, computed: { projectId: project, number: String(projectNumber(project)) } };
  },
  "gcp:storage/bucket:Bucket": (inputs, _place, lab) => {
    const name = idPart(inputs, "name") ?? `lab-${lab.hex("name", 7)}`;
    return { id: name, computed: { name, url: `gs://${name}`, selfLink: `https://storage.lab.invalid/b/${name}` } };
  },
};

/** A role that one identity has on one thing; its id is made from the URN, as what it is on stands in other inputs each time. */
function grant(inputs: ValueMap, lab: LabValues): Description {
  return { computed: { etag: `lab-${lab.hex(`etag ${idPart(inputs, "role") ?? ""}`, 12)}` } };
}

/** Everything in Compute Engine has a path of project, place and plural; the rest depends on the kind. */
function compute(type: string, inputs: ValueMap, place: Place, lab: LabValues): Description {
  const kind = type.slice("gcp:compute/".length).split(":")[0] ?? "";
  const name = idPart(inputs, "name") ?? `lab-${lab.hex("name", 7)}`;
  const path = `projects/${place.project}/${computePlace(kind, place)}/${kind}s/${name}`;
  return {
    id: path,
    computed: {
      name,
      project: place.project,
      selfLink: `https://compute.lab.invalid/${path}`,
      ...computeOutputs(kind, place, path, lab),
    },
  };
}

function computePlace(kind: string, place: Place): string {
  if (["instance", "disk", "instanceGroupManager"].includes(kind)) return `zones/${place.zone}`;
  return ["subnetwork", "address", "router", "routerNat"].includes(kind) ? `regions/${place.region}` : "global";
}

function computeOutputs(kind: string, place: Place, path: string, lab: LabValues): ValueMap {
  switch (kind) {
    case "instance":
      return {
        instanceId: String(lab.number("instance")),
        zone: place.zone,
        cpuPlatform: "NEKO-LAB",
        currentStatus: "NEKO-LAB",
      };
    case "instanceTemplate":
      return {
        selfLinkUnique: `https://compute.lab.invalid/${path}?uniqueId=${lab.number("template")}`,
        tagsFingerprint: "",
      };
    case "address":
    case "globalAddress":
      return { address: lab.address("address"), creationTimestamp: lab.time };
    default:
      return {};
  }
}

/** The functions whose answer follows from the arguments alone; nothing is asked of Google. */
function invoke(token: string, args: ValueMap, config: ValueMap): ValueMap | undefined {
  const {
    project,
    projectNumber: number,
    region,
    zone,
  } = placeOf({ ...(args["projectId"] === undefined ? {} : { project: args["projectId"] }) }, config);
  switch (token) {
    case "gcp:organizations/getProject:getProject":
      return { id: `projects/${project}`, projectId: project, number: String(number), name: project };
    case "gcp:organizations/getClientConfig:getClientConfig":
      return { id: "neko-lab", project, region, zone, accessToken: secret("neko-lab-no-token"), defaultLabels: {} };
    default:
      return undefined;
  }
}
