import { createHash } from "node:crypto";
import type { LabValues } from "../lab-values.ts";
import { idPart, recordingStandIn } from "../recording.ts";
import type { Description } from "../recording.ts";
import type { StandIn } from "../provider.ts";
import { at, textAt } from "../wire/values.ts";
import type { ValueMap } from "../wire/values.ts";

const host = "github.lab.invalid";
const labOwner = "neko-lab";

/** Everything in GitHub is recorded; the values that programs read are lab values (lab-values.ts). */
export function githubStandIn(): StandIn {
  return recordingStandIn({
    packageName: "github",
    describe(type, inputs, config, lab) {
      const describe = described[type];
      return describe === undefined
        ? inRepository(inputs, lab)
        : describe(inputs, lab, textAt(config, "owner") ?? labOwner);
    },
    identityKeys,
    invoke,
  });
}

/**
 * A repository can be renamed in place. All else lives inside a repository (or an environment of it) under a fixed
 * name: another place or name is another resource (ForceNew in the real provider).
 */
function identityKeys(type: string): readonly string[] {
  if (type === "github:index/repository:Repository") return ["template"];
  return ["repository", "repositoryId", "environment", "secretName", "variableName"];
}

/** The resources whose outputs are read by others, by type token. */
const described: Readonly<Record<string, (inputs: ValueMap, lab: LabValues, owner: string) => Description>> = {
  "github:index/repository:Repository": repository,
  "github:index/repositoryRuleset:RepositoryRuleset": (_inputs, lab) => ({
    id: String(lab.number("ruleset")),
    computed: { rulesetId: lab.number("ruleset"), nodeId: `LAB_RRS_${lab.hex("node", 16)}`, etag: etag(lab) },
  }),
  // Of an organisation, not of a repository; its id is a number in text.
  "github:index/actionsRunnerGroup:ActionsRunnerGroup": (_inputs, lab, owner) => {
    const page = `https://${host}/orgs/${owner}/actions/runner-groups/${lab.number("group")}`;
    return {
      id: String(lab.number("group")),
      computed: {
        default: false,
        inherited: false,
        runnersUrl: `${page}/runners`,
        selectedRepositoriesUrl: `${page}/repositories`,
        etag: etag(lab),
      },
    };
  },
  "github:index/branchProtection:BranchProtection": (_inputs, lab) => ({
    id: `LAB_BPR_${lab.hex("node", 16)}`,
    computed: {},
  }),
  "github:index/repositoryEnvironmentDeploymentPolicy:RepositoryEnvironmentDeploymentPolicy": (inputs, lab) => ({
    ...inRepository(inputs, lab),
    id: [idPart(inputs, "repository"), idPart(inputs, "environment"), lab.number("policy")].join(":"),
    computed: { policyId: lab.number("policy"), repositoryId: lab.number("repository") },
  }),
};

function repository(inputs: ValueMap, lab: LabValues, owner: string): Description {
  const name = textAt(inputs, "name") ?? `lab-${lab.hex("name", 7)}`;
  const page = `https://${host}/${owner}/${name}`;
  const visibility = textAt(inputs, "visibility") ?? (at(inputs, "private") === true ? "private" : "public");
  return {
    id: idPart(inputs, "name"),
    computed: {
      name,
      fullName: `${owner}/${name}`,
      htmlUrl: page,
      httpCloneUrl: `${page}.git`,
      gitCloneUrl: `git://${host}/${owner}/${name}.git`,
      sshCloneUrl: `git@${host}:${owner}/${name}.git`,
      svnUrl: page,
      nodeId: `LAB_R_${lab.hex("node", 16)}`,
      repoId: lab.number("repository"),
      defaultBranch: "main",
      visibility,
      private: visibility !== "public",
      primaryLanguage: "",
      etag: etag(lab),
    },
  };
}

/** Settings, secrets, variables and permissions of a repository: the id is where they are, as in the real provider. */
function inRepository(inputs: ValueMap, lab: LabValues): Description {
  const repositoryName = idPart(inputs, "repository");
  const inside = ["environment", "secretName", "variableName"].flatMap((key) => idPart(inputs, key) ?? []);
  const named = "secretName" in inputs || "variableName" in inputs;
  return {
    id: repositoryName === undefined ? undefined : [repositoryName, ...inside].join(":"),
    computed: named ? { createdAt: lab.time, updatedAt: lab.time, repositoryId: lab.number("repository") } : {},
  };
}

function etag(lab: LabValues): string {
  return `W/"lab-${lab.hex("etag", 16)}"`;
}

/** The functions whose answer follows from the arguments alone; nothing is asked of GitHub. */
function invoke(token: string, args: ValueMap): ValueMap | undefined {
  if (token !== "github:index/getActionsEnvironmentPublicKey:getActionsEnvironmentPublicKey") return undefined;
  const repository = textAt(args, "repository") ?? "";
  const environment = textAt(args, "environment") ?? "";
  const key = createHash("sha256").update(`neko-trust-lab sealing key\0${repository}\0${environment}`).digest();
  return {
    id: `${repository}:${environment}`,
    ...{ repository, environment },
    // The same in every run, and a point that nobody knows the secret key of: what is sealed for it stays sealed.
    key: key.toString("base64"),
    keyId: `lab-${key.toString("hex").slice(0, 16)}`,
  };
}
