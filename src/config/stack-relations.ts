import { z } from "zod";
import type { SchemaFault } from "../core/schema-faults.ts";

/** What relations are about, whatever else is in the document; parts that can't be read have faults of their own. */
const readable = z.looseObject({
  release: z.unknown().optional(),
  policy: z
    .looseObject({
      environment: z.unknown().optional(),
      images: z
        .array(z.looseObject({ repository: z.string(), mirrors: z.array(z.string()).catch([]) }))
        .optional()
        .catch(undefined),
    })
    .catch({ environment: undefined }),
  releases: z.array(z.looseObject({ image: z.unknown().optional() }).catch({ image: undefined })).catch([]),
  clusters: z.array(z.looseObject({ kubeconfig: z.unknown().optional() }).catch({ kubeconfig: "" })).catch([]),
});

/** What one key of a stack demands of another; told also where other keys are at fault. */
export function relationFaults(document: Readonly<Record<string, unknown>>, stack: string): SchemaFault[] {
  const { release: lab, policy, releases, clusters } = readable.parse(document);
  const { environment, images } = policy;
  const faults: SchemaFault[] = [];
  const fault = (path: string, found: string, allowed: string): void => {
    faults.push({ path, found, allowed });
  };
  const repositories = images?.flatMap((image) => [image.repository, ...image.mirrors]);
  releases.forEach(({ image }, index) => {
    if (repositories === undefined || typeof image !== "string" || repositories.includes(image)) return;
    fault(`releases.${index}.image`, `"${image}"`, `must be one of policy.images: ${repositories.join(", ")}`);
  });
  if (lab === "lab" && environment !== "local") {
    fault("release", `"lab"`, "only environment local may use lab releases");
  }
  if (lab === "lab" && environment === "local" && stack !== "local") {
    fault("release", `"lab"`, "only stack local takes its releases from the lab");
  }
  // The guard of stand-ins and the dead endpoints go by these two: they must mean the same.
  if (environment !== undefined && (stack === "local") !== (environment === "local")) {
    const allowed = stack === "local" ? "must be local: stack local is the lab's" : "only stack local may be local";
    fault("policy.environment", JSON.stringify(environment), allowed);
  }
  if (document["ghcrRepository"] !== undefined && document["githubOwner"] === undefined) {
    fault("githubOwner", "nothing", "needed by ghcrRepository");
  }
  clusters.forEach(({ kubeconfig }, index) => {
    if (kubeconfig !== undefined && environment === "local") {
      fault(`clusters.${index}.kubeconfig`, "a path", "must be left out in environment local: its endpoint is dead");
    }
    if (kubeconfig === undefined && environment !== "local") {
      fault(`clusters.${index}.kubeconfig`, "nothing", "must be the path of a kubeconfig file");
    }
  });
  return faults;
}
