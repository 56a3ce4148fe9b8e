import { canonicalBytes } from "../core/json/canonical-json.ts";
import { legible } from "../core/legible.ts";
import { purposeOf } from "./resource-purposes.ts";

/** A resource of a stack's plan, as the engine hands it to its provider. */
export interface ListedResource {
  /** `urn:pulumi:<stack>::<project>::<types of its parents and its own, with $>::<name>` */
  readonly urn: string;
  readonly name: string;
  /** The type token, for example `kubernetes:core/v1:ConfigMap`. */
  readonly type: string;
  /** Plain values; secrets and what only an update knows are replaced by words in brackets. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Longer values (policies, scripts, lists) are told by their length: their own tests and pages show them. */
const longest = 300;

/** The plan of a stack as a page: each resource, why it exists, and the properties that a reviewer looks at first. */
export function planListing(stack: string, resources: readonly ListedResource[]): string {
  const sorted = resources.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const sections = Map.groupBy(sorted, componentOf);
  const lines = [
    `# Plan of stack ${stack}`,
    "",
    "Made by `make generate` from the offline preview, on the real engine, of the stack as it is delivered; each test run compares it with what the program plans, until the stack is your own.",
    "Secrets, and what only an update knows, stand in brackets.",
    "",
    "| Component | Resources |",
    "| --- | ---: |",
    ...[...sections].map(([component, group]) => `| ${component} | ${group.length} |`),
    `| all | ${resources.length} |`,
    "",
  ];
  for (const [component, group] of sections) {
    lines.push(`## ${component}`, "", ...group.flatMap(entry));
  }
  return `${lines.join("\n").trimEnd()}\n`;
}

function componentOf({ urn }: ListedResource): string {
  const types = urn.split("::")[2]?.split("$") ?? [];
  const component = types.find((type) => type.startsWith("neko-trust:"));
  return component?.split(":").at(-1) ?? "The stack itself";
}

function sortKey(resource: ListedResource): string {
  return [componentOf(resource), resource.name, resource.type].join("\n");
}

function entry({ name, type, inputs }: ListedResource): string[] {
  const { purpose, properties } = purposeOf(type);
  const shown = properties.flatMap((path) => {
    const value = valueAt(inputs, path.split("."));
    return value === undefined ? [] : [`- ${path}: ${code(shortText(value))}`];
  });
  return [`### ${name}`, "", `\`${type}\`: ${purpose}`, "", ...shown, ...(shown.length === 0 ? [] : [""])];
}

function valueAt(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return value;
  return typeof value === "object" && value !== null && Object.hasOwn(value, first)
    ? valueAt((value as Readonly<Record<string, unknown>>)[first], rest)
    : undefined;
}

function shortText(value: unknown): string {
  const text = typeof value === "string" ? value : Buffer.from(canonicalBytes(value)).toString("utf8");
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`;
}

function code(text: string): string {
  return `\`${legible(text.replace(/\s*\n\s*/g, " ")).replaceAll("`", "'")}\``;
}
