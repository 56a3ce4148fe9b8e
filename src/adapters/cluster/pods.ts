import { isRecord } from "../../core/is-record.ts";
import type { ClusterObject } from "./object.ts";

/** An image that a pod names or runs. */
export interface PodImage {
  readonly namespace: string;
  readonly pod: string;
  /** Its name; `volume <name>` for an image volume. */
  readonly container: string;
  /** As the specification says. */
  readonly image: string;
  /** `sha256:…` as the node reports it, or as the specification pins it; undefined when neither tells. */
  readonly digest?: string;
}

/** The images of all kinds of containers of a pod (init, regular and ephemeral ones), and of its image volumes. */
export function imagesOfPod(pod: ClusterObject): readonly PodImage[] {
  const spec = isRecord(pod["spec"]) ? pod["spec"] : {};
  const status = isRecord(pod["status"]) ? pod["status"] : {};
  const place = { namespace: pod.metadata?.namespace ?? "default", pod: pod.metadata?.name ?? "" };
  const volumes = records(spec["volumes"]).flatMap((volume): PodImage[] => {
    if (!isRecord(volume["image"])) return [];
    const image = textOf(volume["image"]["reference"]);
    const digest = digestIn(image);
    return [
      { ...place, container: `volume ${textOf(volume["name"])}`, image, ...(digest === undefined ? {} : { digest }) },
    ];
  });
  const containers = kinds.flatMap(([inSpec, inStatus]) => {
    const running = new Map(
      records(status[inStatus]).map((entry) => [textOf(entry["name"]), textOf(entry["imageID"])]),
    );
    return records(spec[inSpec]).map((container): PodImage => {
      const name = textOf(container["name"]);
      const image = textOf(container["image"]);
      const digest = digestIn(running.get(name) ?? "") ?? digestIn(image);
      return {
        ...place,
        container: name,
        image,
        ...(digest === undefined ? {} : { digest }),
      };
    });
  });
  return [...containers, ...volumes];
}

/** Whether a pod has run to its end: it is never moved, so that nothing makes it again. */
export function isFinished(pod: ClusterObject): boolean {
  const phase = isRecord(pod["status"]) ? pod["status"]["phase"] : undefined;
  return phase === "Succeeded" || phase === "Failed";
}

const kinds = [
  ["initContainers", "initContainerStatuses"],
  ["containers", "containerStatuses"],
  ["ephemeralContainers", "ephemeralContainerStatuses"],
] as const;

/** Container runtimes report `repository@sha256:…`, older ones `docker-pullable://repository@sha256:…`. */
function digestIn(reference: string): string | undefined {
  return /@(sha256:[0-9a-f]{64})$/u.exec(reference)?.[1];
}

function records(value: unknown): readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
