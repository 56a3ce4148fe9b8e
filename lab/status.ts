import { existsSync } from "node:fs";
import { localOverlayPath, readLocalOverlay } from "../src/config/local-overlay.ts";
import type { LabContext, LabReport } from "./context.ts";
import { placesOf, serviceNames } from "./places.ts";
import { serviceStatus } from "./processes/service.ts";
import { lastTarget } from "./provision.ts";
import { latestOutcomes, readJournal } from "./stand-ins/journal.ts";

/** `neko-trust status`: what runs, what stack local is provisioned from, what happened to each resource. */
export function labStatus(context: LabContext): LabReport {
  const { directories } = context;
  const { journal, signingConfig } = placesOf(directories);
  const needed: string[] = [serviceNames.registry, serviceNames.referrersRegistry, serviceNames.sigstore];
  const optional: string[] = [serviceNames.standIns];
  (lastTarget(context) === "api-server" ? needed : optional).push("etcd", "kube-apiserver");
  const services = [...needed, ...optional].map((name) => ({ name, ...serviceStatus(name, directories.run) }));
  const shown = services.filter(({ name, state }) => needed.includes(name) || state === "running");
  const healthy = services.every(({ name, state }) => state === "running" || !needed.includes(name));
  const canSign = existsSync(signingConfig);
  const releases = existsSync(localOverlayPath(directories.state)) ? readLocalOverlay(directories.state).releases : [];
  const resources = existsSync(journal) ? [...latestOutcomes(readJournal(journal).entries).values()] : [];
  return {
    healthy,
    lines: [
      "services",
      ...shown.map((service) =>
        service.state === "running"
          ? `  ✓ ${service.name}, process ${service.pid}, log ${service.log}`
          : `  ✗ ${service.name} is not running`,
      ),
      "releases of stack local",
      ...(releases.length === 0 ? ["  none"] : releases.map(({ image, current }) => `  ${image}@${current}`)),
      "resources of stack local",
      ...(resources.length === 0
        ? ["  none"]
        : resources.map(
            ({ outcome, type, urn, where }) =>
              `  ${outcome.padEnd(9)} ${type} ${urn.split("::").at(-1) ?? ""} → ${where}`,
          )),
      `state ${directories.state}`,
      ...(canSign ? [`sign with --signing-config ${signingConfig}`] : []),
      ...(healthy ? [] : ["to do: Start the lab with: make up"]),
    ],
    document: {
      ok: healthy,
      services,
      releases,
      resources,
      state: directories.state,
      ...(canSign ? { signingConfig } : {}),
    },
  };
}
