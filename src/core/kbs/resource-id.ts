import { kbsUsage } from "./kbs-failure.ts";

/** `repository/type/tag`: the path of a resource below /kbs/v0/resource/. */
export type ResourceId = string & { readonly resourceId: unique symbol };

const part = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_])?";
const pattern = new RegExp(`^${part}/${part}/${part}$`);

/**
 * Three parts without a sign that a URL, a file system or Rego would read otherwise: no `..`, no escape, no slash more. Throws
 * KBS_RESOURCE_ID_INVALID (usage).
 */
export function parseResourceId(text: string): ResourceId {
  if (isResourceId(text)) return text;
  throw kbsUsage(
    "KBS_RESOURCE_ID_INVALID",
    "The resource's name is not repository/type/tag of letters, digits, dots, dashes and underscores.",
    "Write it as the key broker has it, for example default/credential/registry.",
  );
}

/** Whether `parseResourceId` takes it. */
export function isResourceId(text: string): text is ResourceId {
  return pattern.test(text) && !text.includes("..");
}
