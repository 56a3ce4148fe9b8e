import { Environment } from "@marcbachmann/cel-js";
import type { ConditionalRole } from "../../components/ci-secrets/state-access.ts";

/** A call of Cloud Storage as IAM's conditions see it: on an object, or listing a bucket under a prefix. */
export type StorageCall =
  | { readonly bucket: string; readonly object: string }
  /** Without a prefix the attribute is not there, and its default is taken. */
  | { readonly bucket: string; readonly listed: string | undefined };

interface Api {
  readonly attributes: ReadonlyMap<string, string>;
}

/** cloud.google.com/iam/docs/conditions-attribute-reference: `resource.name`, and `api.getAttribute(name, default)`. */
const conditions = new Environment()
  .registerVariable("resource", "map")
  .registerVariable("api", "map")
  .registerFunction(
    "map.getAttribute(string, string): string",
    (api: Api, name: string, otherwise: string) => api.attributes.get(name) ?? otherwise,
  );

/** Whether a condition holds for a call, on a real CEL evaluator. */
export function holdsFor({ condition }: Pick<ConditionalRole, "condition">, call: StorageCall): boolean {
  const attributes = new Map<string, string>();
  if ("listed" in call && call.listed !== undefined) {
    attributes.set("storage.googleapis.com/objectListPrefix", call.listed);
  }
  const name = `projects/_/buckets/${call.bucket}${"object" in call ? `/objects/${call.object}` : ""}`;
  const held: unknown = conditions.evaluate(condition.expression, { resource: { name }, api: { attributes } });
  if (typeof held !== "boolean") throw new Error(`${condition.expression} is no condition`);
  return held;
}
