import { InternalError } from "@sigstore/sign";
import { Failure } from "../../core/failure.ts";

interface Service {
  readonly name: string;
  readonly refused: string;
  readonly unavailable: string;
}

const fulcio: Service = {
  name: "Fulcio",
  refused: "SIGNING_IDENTITY_REFUSED",
  unavailable: "SIGNING_FULCIO_UNAVAILABLE",
};
const rekor: Service = { name: "Rekor", refused: "SIGNING_REKOR_REFUSED", unavailable: "SIGNING_REKOR_UNAVAILABLE" };
const tsa: Service = {
  name: "The time-stamp authority",
  refused: "SIGNING_TSA_REFUSED",
  unavailable: "SIGNING_TSA_UNAVAILABLE",
};

const services: Readonly<Record<string, Service>> = {
  CA_CREATE_SIGNING_CERTIFICATE_ERROR: fulcio,
  TLOG_CREATE_ENTRY_ERROR: rekor,
  TLOG_FETCH_ENTRY_ERROR: rekor,
  TSA_CREATE_TIMESTAMP_ERROR: tsa,
};

/**
 * What a signing error means for the user. The library's messages and causes are dropped where they can hold the
 * identity token (its parse error quotes it whole), and what a service said is shown without anything like a token.
 */
export function signingFailure(error: unknown): Failure {
  const code = error instanceof InternalError ? error.code : "";
  if (code === "IDENTITY_TOKEN_PARSE_ERROR") {
    return new Failure({
      code: "SIGNING_TOKEN_INVALID",
      kind: "usage",
      message: "The identity token is not a JSON Web Token with a subject.",
      remedy: "Fetch a new token for the audience sigstore; it is not shown here, as it is a secret.",
    });
  }
  if (code === "IDENTITY_TOKEN_READ_ERROR") {
    return new Failure({
      code: "SIGNING_TOKEN_UNAVAILABLE",
      kind: "unavailable",
      message: "The identity provider gave no token.",
      remedy: "In GitHub Actions, grant the job `id-token: write`; elsewhere, check the provider.",
    });
  }
  const service = Object.hasOwn(services, code) ? services[code] : undefined;
  if (service === undefined) {
    return new Failure({
      code: "SIGNING_FAILED",
      kind: "unavailable",
      message: "Signing failed before any service answered.",
      remedy: "Try again; if it stays, check the services' URLs.",
    });
  }
  const { status, said } = answerOf(error);
  if (status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new Failure({
      code: service.refused,
      kind: "usage",
      message: `${service.name} refused the request (HTTP ${status})${said}.`,
      remedy:
        service === fulcio
          ? "Check that the token is fresh, and for the audience and issuer that this Fulcio takes."
          : "Check the service's URL and version.",
    });
  }
  return new Failure({
    code: service.unavailable,
    kind: "unavailable",
    message: `${service.name} did not answer${status === undefined ? "" : ` (HTTP ${status})`}${said}.`,
    remedy: "Try again when the service is reachable.",
  });
}

/** The HTTP status and the service's words, from the library's HTTPError or the network's error. */
function answerOf(error: unknown): { status?: number; said: string } {
  const cause: unknown = error instanceof Error && "cause" in error ? error.cause : undefined;
  const code = property(cause, "code");
  if (!(cause instanceof Error)) return { said: "" };
  const status = property(cause, "statusCode");
  const words =
    typeof status === "number" ? cause.message.replace(/^\(\d+\) /, "") : typeof code === "string" ? code : "";
  const said = words === "" ? "" : `: ${withoutTokens(words).replace(/\.$/, "")}`;
  return typeof status === "number" ? { status, said } : { said };
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && key in value
    ? (value as Record<string, unknown>)[key]
    : undefined;
}

/** Anything long and base64-like may be a token or a part of one. */
function withoutTokens(text: string): string {
  return text.slice(0, 500).replace(/[A-Za-z0-9_\-+/=.]{40,}/g, "(removed)");
}
