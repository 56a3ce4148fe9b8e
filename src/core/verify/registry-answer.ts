import type { Answer } from "../oci/answer.ts";
import { refuse } from "./finding.ts";
import type { Checked } from "./finding.ts";

/** Rule 9: an answer that brought nothing, as the finding of its own kind; only `absent` says that there is nothing. */
export function unanswered(answer: Exclude<Answer<unknown>, { kind: "found" }>, subject: string): Checked<never> {
  const detail = "detail" in answer ? answer.detail : "the registry has no such object";
  const expected = "an answer of the registry";
  switch (answer.kind) {
    case "absent":
      return refuse("STATEMENT_MISSING", {
        subject,
        expected: "the object in the registry",
        found: detail,
        remedy: "Check the reference and whether the publication of this release finished.",
      });
    case "unauthorized":
      return refuse("REGISTRY_UNAUTHORIZED", {
        subject,
        expected,
        found: detail,
        remedy: "Log in to the registry (docker login) with read access, then verify again.",
      });
    case "forbidden":
      return refuse("REGISTRY_FORBIDDEN", {
        subject,
        expected,
        found: detail,
        remedy: "Ask for read access to this repository, then verify again.",
      });
    case "throttled":
      return refuse("REGISTRY_THROTTLED", {
        subject,
        expected,
        found: detail,
        remedy: "Wait until the registry lets you in again, or log in for a higher limit, then verify again.",
      });
    case "broken":
      return refuse("REGISTRY_BROKEN", {
        subject,
        expected,
        found: detail,
        remedy: "Check that the registry is up and reachable, then verify again.",
      });
    case "too-large":
      return refuse("REGISTRY_TOO_LARGE", {
        subject,
        expected: "an answer within the caps",
        found: detail,
        remedy: "Find out who attached so much to this image; evidence of this size is never read.",
      });
  }
}
