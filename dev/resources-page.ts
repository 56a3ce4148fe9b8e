import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as command from "@pulumi/command";
import * as gcp from "@pulumi/gcp";
import * as github from "@pulumi/github";
import * as kubernetes from "@pulumi/kubernetes";
import { purposeOf } from "../src/report/resource-purposes.ts";
import { notice, table } from "./reference-pages.ts";

/** docs/generated/resources.md: what each component can make, why, and how many of it each stack plans. */

const checkout = fileURLToPath(new URL("../", import.meta.url));
const packages: Readonly<Record<string, unknown>> = { command, gcp, github, kubernetes };

/** Its kinds are the compilers': the plans have each of them. */
const customResource = "kubernetes.apiextensions.CustomResource";

/** A component, and the types that its sources make. */
export interface ComponentTypes {
  readonly component: string;
  readonly folder: string;
  readonly types: readonly string[];
}

/** What each component's sources construct, as type tokens: also what no committed stack has switched on. */
export function componentTypes(): ComponentTypes[] {
  const folders = readdirSync(`${checkout}components`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map(({ name: folder }) => {
      const sources = readdirSync(`${checkout}components/${folder}`)
        .filter((file) => file.endsWith(".ts"))
        .map((file) => readFileSync(`${checkout}components/${folder}/${file}`, "utf8"))
        .join("\n");
      const made = [...sources.matchAll(/\bnew ((?:command|gcp|github|kubernetes)\.[\w.]+)\(/g)].map(
        ([, name = ""]) => name,
      );
      const types = [...new Set(made)].filter((name) => name !== customResource && !name.endsWith(".Provider"));
      return { component: componentIn(folder), folder, types: types.map(tokenOf).toSorted() };
    })
    .sort((a, b) => (a.component < b.component ? -1 : 1));
}

function componentIn(folder: string): string {
  const source = readFileSync(`${checkout}components/${folder}/component.ts`, "utf8");
  const [, name] = /export class (\w+) extends pulumi\.ComponentResource/.exec(source) ?? [];
  if (name === undefined) throw new Error(`components/${folder}/component.ts has no component`);
  return name;
}

/** `gcp.compute.Image` → `gcp:compute/image:Image`, as the provider's own class says. */
function tokenOf(name: string): string {
  const found = name
    .split(".")
    .reduce<unknown>(
      (at, key) =>
        (typeof at === "object" || typeof at === "function") && at !== null
          ? (at as Readonly<Record<string, unknown>>)[key]
          : undefined,
      packages,
    );
  const type = typeof found === "function" && "__pulumiType" in found ? found.__pulumiType : undefined;
  if (typeof type !== "string") throw new Error(`${name} is no resource of a provider`);
  return type;
}

/** How many resources of a type a component has in a stack's plan. */
export interface PlannedTypes {
  readonly stack: string;
  /** By component, then by type token. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What docs/plans has, by stack. */
export function plannedTypes(): PlannedTypes[] {
  return readdirSync(`${checkout}docs/plans`)
    .filter((file) => file.endsWith(".md"))
    .sort()
    .map((file) => {
      const counts = new Map<string, Map<string, number>>();
      let section = new Map<string, number>();
      for (const line of readFileSync(`${checkout}docs/plans/${file}`, "utf8").split("\n")) {
        const [, component] = /^## (.+)$/.exec(line) ?? [];
        const [, type] = /^`([a-z]+:[^`\s]+:[^`\s]+)`: /.exec(line) ?? [];
        if (component !== undefined) counts.set(component, (section = new Map<string, number>()));
        if (type !== undefined) section.set(type, (section.get(type) ?? 0) + 1);
      }
      return { stack: file.slice(0, -".md".length), counts };
    });
}

/** docs/generated/resources.md */
export function resourcesPage(): string {
  const plans = plannedTypes();
  const sections = componentTypes().map(({ component, folder, types }) => {
    const planned = plans.flatMap(({ counts }) => [...(counts.get(component)?.keys() ?? [])]);
    const rows = [...new Set([...types, ...planned])]
      .toSorted()
      .map((type) => [
        `\`${type}\``,
        purposeOf(type).purpose,
        ...plans.map(({ counts }) => String(counts.get(component)?.get(type) ?? "")),
      ]);
    const all = plans.map(({ counts }) => {
      const section = [...(counts.get(component)?.values() ?? [])];
      return section.length === 0 ? "" : String(section.reduce((sum, count) => sum + count, 0));
    });
    const header = ["Type", "Why", ...plans.map(({ stack }) => stack)];
    return `## ${component}\n\n[components/${folder}](../../components/${folder}/README.md)\n\n${table(header, [...rows, ["all", "", ...all]])}`;
  });
  return `${notice}

# What each component can make

Every type of resource that a component's sources make, why it exists, and how many of it each stack plans as it is delivered: ${plans
    .map(({ stack }) => `[${stack}](../plans/${stack}.md)`)
    .join(", ")}.
A type without a number is made only with settings that no delivered stack has. Stack local has all components but on stand-ins; its plan
is no page, as its digests are the lab's. Sources: \`components/\`, \`src/report/resource-purposes.ts\`, \`docs/plans/\`.

${sections.join("\n\n")}
`;
}
