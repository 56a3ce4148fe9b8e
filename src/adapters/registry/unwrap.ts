import { Failure } from "../../core/failure.ts";
import type { Answer } from "../../core/oci/answer.ts";

type Unfound = Exclude<Answer<never>, { kind: "found" }>;

const codes = {
  absent: "REGISTRY_ABSENT",
  unauthorized: "REGISTRY_UNAUTHORIZED",
  forbidden: "REGISTRY_FORBIDDEN",
  throttled: "REGISTRY_THROTTLED",
  broken: "REGISTRY_BROKEN",
  "too-large": "REGISTRY_TOO_LARGE",
} as const satisfies Record<Unfound["kind"], string>;

/**
 * The value of an answer, for operations that can't go on without it. `what` begins the message: "image ghcr.io/…".
 * Throws Failure (unavailable) with a code for each kind of answer.
 */
export function unwrap<T>(answer: Answer<T>, what: string): T {
  if (answer.kind === "found") return answer.value;
  throw unanswered(answer, what);
}

/** What `unwrap` throws, for who goes on without it. */
export function unanswered(answer: Unfound, what: string): Failure {
  return new Failure({
    code: codes[answer.kind],
    kind: "unavailable",
    message: `${what}: ${sentenceOf(answer)}.`,
    remedy: remedyOf(answer),
  });
}

function sentenceOf(answer: Unfound): string {
  switch (answer.kind) {
    case "absent":
      return "the registry has no such thing";
    case "unauthorized":
      return `the registry wants a sign-in (${answer.detail})`;
    case "forbidden":
      return `the registry forbids it (${answer.detail})`;
    case "throttled":
      return `the registry throttles (${answer.detail})`;
    case "broken":
      return `the registry gave no usable answer (${answer.detail})`;
    case "too-large":
      return `the registry offers more than is read (${answer.detail})`;
  }
}

function remedyOf(answer: Unfound): string {
  switch (answer.kind) {
    case "absent":
      return "Check the name, tag and digest, and that it has been pushed.";
    case "unauthorized":
      return 'Sign in with "docker login" for exactly this host, or make the package public.';
    case "forbidden":
      return "Give the account that is signed in access to this repository.";
    case "throttled": {
      const { retryAfterSeconds: seconds } = answer;
      return seconds === undefined ? "Try again later, or sign in for a higher limit." : `Try again in ${seconds} s.`;
    }
    case "broken":
      return "Check that the registry runs and can be reached, then try again.";
    case "too-large":
      return "Find out who put it there: no release of this project comes near the limits.";
  }
}
