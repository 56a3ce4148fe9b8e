import { Failure } from "../../core/failure.ts";
import { isRecord } from "../../core/is-record.ts";

/** What an API server sent: the HTTP status and the JSON body, if it was JSON. */
export interface ClusterResponse {
  readonly status: number;
  readonly body: unknown;
}

const maxMessageLength = 4000;

/**
 * The failure that an answer other than 2xx stands for. The server's own message is quoted, as it names the field, the
 * webhook or the policy at fault. It may quote values of the object: callers that sent secrets take them out.
 *
 * Admission answers come as 403 (webhooks, most plugins) or as the code that a policy chose (422 by default for
 * ValidatingAdmissionPolicy), so the message tells them from RBAC's 403 and from a schema's 422
 * (k8s.io/apiserver: plugin/policy/validating/dispatcher.go, plugin/webhook/errors/statuserror.go).
 */
export function clusterFailure(action: string, response: ClusterResponse): Failure {
  const message = statusMessage(response);
  const kind = kindOf(response.status, message);
  return new Failure({ ...answers[kind], message: `The API server did not ${action}: ${message}` });
}

type AnswerKind = keyof typeof answers;

const answers = {
  refused: {
    code: "CLUSTER_REFUSED",
    kind: "refused",
    remedy: "Read which policy or webhook refused, and change the object, or the policy if it is wrong.",
  },
  invalid: {
    code: "CLUSTER_INVALID",
    kind: "usage",
    remedy: "Correct the field that the message names; strict validation refuses unknown and duplicate fields.",
  },
  unauthorized: {
    code: "CLUSTER_UNAUTHORIZED",
    kind: "usage",
    remedy: "Check the credentials in the kubeconfig.",
  },
  forbidden: {
    code: "CLUSTER_FORBIDDEN",
    kind: "usage",
    remedy: "Give the kubeconfig's user this right (RBAC), or use another user.",
  },
  absent: {
    code: "CLUSTER_ABSENT",
    kind: "usage",
    remedy: "Create the namespace, or install the custom resource definition, that the object needs.",
  },
  conflict: {
    code: "CLUSTER_CONFLICT",
    kind: "usage",
    remedy: "Leave the field to its present manager, or take it over there first.",
  },
  broken: {
    code: "CLUSTER_UNREACHABLE",
    kind: "unavailable",
    remedy: "See the API server's log, and try again when it is ready.",
  },
} as const;

const admission =
  /admission webhook ".*" denied the request|ValidatingAdmissionPolicy '.*' with binding '.*' denied request/su;
const rbac = /cannot [\w/]+ (?:resource|path|\w+\.)/u;

function kindOf(status: number, message: string): AnswerKind {
  if (status >= 400 && status < 500 && admission.test(message)) return "refused";
  switch (status) {
    case 400:
    case 413:
    case 415:
    case 422:
      return "invalid";
    case 401:
      return "unauthorized";
    case 403:
      return rbac.test(message) ? "forbidden" : "refused";
    case 404:
      return "absent";
    case 409:
      return "conflict";
    default:
      return "broken";
  }
}

function statusMessage(response: ClusterResponse): string {
  const { body, status } = response;
  const message = isRecord(body) && typeof body["message"] === "string" ? body["message"] : "";
  return message === "" ? `it answered with HTTP status ${status}.` : message.slice(0, maxMessageLength);
}

/** No answer came: refused connection, broken TLS, time-out. */
export function clusterUnreachable(server: string, reason: string, cause?: unknown): Failure {
  return new Failure(
    {
      code: "CLUSTER_UNREACHABLE",
      kind: "unavailable",
      message: `The API server ${server} can't be reached: ${reason}.`,
      remedy:
        "Check that it runs and that this machine can reach it (make up CLUSTER=1 starts the lab's own), then try again.",
    },
    { cause },
  );
}
