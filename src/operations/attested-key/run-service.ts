import { setTimeout as sleep } from "node:timers/promises";
import { serveHealth } from "../../adapters/health/serve-health.ts";
import { policyDigest } from "../../core/policy/policy-digest.ts";
import { rootAgeLimit } from "../../core/policy/root-age-limit.ts";
import type { LogEntry } from "../../core/signer-log.ts";
import type { AttestedSigner } from "./attested-signer.ts";
import { isAttested, metricsText, newServiceState } from "./service-state.ts";
import type { ServiceState } from "./service-state.ts";
import { registrySteps } from "./watch-registry.ts";
import type { Publisher } from "./watch-registry.ts";
import { watch } from "./watch.ts";

export interface ServiceRequest {
  readonly publisher: Publisher;
  readonly signer: AttestedSigner;
  /** `registry/path` of each to watch. */
  readonly repositories: readonly string[];
  readonly intervalMilliseconds: number;
  /** `host:port` of /healthz and /metrics. */
  readonly health: string;
  readonly log: (entry: LogEntry) => void;
  readonly signal: AbortSignal;
}

/** Serves health and metrics, and watches the repositories until the signal is aborted. Throws what serveHealth throws. */
export async function runService(request: ServiceRequest): Promise<Readonly<ServiceState>> {
  const { publisher, signer, repositories, intervalMilliseconds, log, signal } = request;
  const state = newServiceState();
  state.rootValidUntil = rootAgeLimit(signer.policy).getTime();
  const now = (): number => signer.now().getTime();
  const policy = policyDigest(signer.policy);
  const server = await serveHealth(request.health, {
    health: () => {
      const attested = isAttested(state, now());
      return { healthy: attested, document: { attested, policy, repositories } };
    },
    metrics: () => metricsText(state, { now: now(), policy }),
  });
  log({ level: "info", event: "listening", url: server.url, policy, repositories, key: signer.key.kind });
  try {
    const pause = (milliseconds: number, ending: AbortSignal): Promise<void> =>
      sleep(milliseconds, undefined, { signal: ending });
    await watch(
      registrySteps(publisher, signer, repositories),
      { state, log, now, intervalMilliseconds, sleep: pause },
      signal,
    );
    return state;
  } finally {
    await server.stop();
  }
}
