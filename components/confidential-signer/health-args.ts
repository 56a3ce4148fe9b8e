import type * as gcp from "@pulumi/gcp";
import * as pulumi from "@pulumi/pulumi";
import { attestedFilter } from "../../src/core/signer-log.ts";
import type { ConfidentialSignerSettings } from "./settings.ts";

/**
 * Settings → arguments of what watches the signers. Nothing can call them, so they tell: the service writes
 * `{"event":"attested"}` to the log `neko-trust-signer` each time that it has proved to be attested, which it does before each
 * look at the registry, every minute; the key broker has accepted it within the last ten.
 */

export function attestedMetricArgs(settings: ConfidentialSignerSettings): gcp.logging.MetricArgs {
  return {
    name: `${settings.name}-attested`,
    project: settings.project.id,
    description: "Times that a signer attested to the key broker.",
    filter: attestedFilter(settings.project.id),
    metricDescriptor: { metricKind: "DELTA", valueType: "INT64", unit: "1" },
  };
}

/**
 * Fires while fewer of the current signers attest than there are. Not a condition of absence: those never fire for a
 * series that never began (Cloud Monitoring, "Metric-absence alerting policies"), and a signer that never attested is
 * just what must be told.
 */
export function attestedAlertArgs(
  settings: ConfidentialSignerSettings,
  metric: pulumi.Input<string>,
  instanceIds: readonly pulumi.Input<string>[],
): gcp.monitoring.AlertPolicyArgs {
  const { silenceMinutes, notificationChannels } = settings.health;
  const query = pulumi.all([metric, pulumi.all([...instanceIds])]).apply(([name, ids]) => {
    // An increase is extrapolated: one event may count as a little less than one.
    // PromQL in Cloud Monitoring: the first slash of a metric's type is a colon, what else is no letter or digit is _.
    const series = `logging_googleapis_com:user_${name.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
    const labels = `monitored_resource="gce_instance",instance_id=~"${ids.toSorted().join("|")}"`;
    const attested = `sum by (instance_id) (increase(${series}{${labels}}[${silenceMinutes}m])) > 0`;
    return `(count(${attested}) or vector(0)) < ${ids.length}`;
  });
  return {
    displayName: `${settings.name}: a signer does not attest`,
    project: settings.project.id,
    combiner: "OR",
    severity: "CRITICAL",
    conditions: [
      {
        displayName: `fewer signers attested within ${silenceMinutes} minutes than there are`,
        conditionPrometheusQueryLanguage: {
          query,
          // Long enough for a new machine to boot and attest for the first time.
          duration: "600s",
          evaluationInterval: "60s",
          // The series begins with the first attestation; until then validation would refuse the query.
          disableMetricValidation: true,
        },
      },
    ],
    alertStrategy: { autoClose: "86400s" },
    documentation: {
      mimeType: "text/markdown",
      content:
        "A signer of the current release has not attested. New releases wait until one does; what is signed stays valid. " +
        "See components/confidential-signer/README.md, When a signer does not attest.",
    },
    notificationChannels: notificationChannels.toSorted(),
    userLabels: { ...settings.labels, "neko-trust": "signer" },
  };
}
