import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { cruise } from "dependency-cruiser";
import type { ICruiseOptions, ICruiseResult, IFlattenedRuleSet } from "dependency-cruiser";

/** The import rules hold on the real tree, and each of them is seen failing on a fixture that breaks it. */

const checkout = join(import.meta.dirname, "..", "..");
const fixtures = join(import.meta.dirname, "fixtures");

interface Configuration {
  readonly forbidden: NonNullable<IFlattenedRuleSet["forbidden"]>;
  readonly options: ICruiseOptions;
}

const { default: configuration } = (await import(join(checkout, ".dependency-cruiser.mjs"))) as {
  default: Configuration;
};

const names = configuration.forbidden.map((rule) => rule.name ?? "");

async function violations(baseDir: string, entries: string[]): Promise<ICruiseResult["summary"]["violations"]> {
  const { output } = await cruise(entries, {
    ...configuration.options,
    baseDir,
    validate: true,
    ruleSet: { forbidden: configuration.forbidden },
  });
  assert.ok(typeof output !== "string", "dependency-cruiser returned text instead of a result");
  assert.ok(output.summary.totalCruised > 0, "no module was looked at");
  return output.summary.violations;
}

test("the tree keeps every import rule", async () => {
  const entries = ["index.ts", "entry.mjs", "bin", "components", "src", "lab", "dev", "bench", "test"];
  const found = await violations(checkout, entries);
  assert.deepEqual(
    found.map((violation) => `${violation.rule.name}: ${violation.from} -> ${violation.to}`),
    [],
  );
});

test("every rule says what to do instead", () => {
  for (const rule of configuration.forbidden) {
    assert.match(rule.comment ?? "", /Instead: /, `rule ${rule.name ?? "?"} has no "Instead:"`);
    assert.equal(rule.severity, "error", `rule ${rule.name ?? "?"} does not fail the check`);
  }
});

test("every rule has a fixture that breaks it, and every fixture a rule", () => {
  assert.deepEqual(readdirSync(fixtures).sort(), [...names].sort());
});

/** Fixtures that break their rule in several ways: every way is reported. */
const ways: Readonly<Record<string, readonly string[]>> = {
  "core-is-pure": ["src/core/above.ts", "src/core/clock.ts", "src/core/policy.ts"],
  "no-circular": ["src/adapters/four.ts", "src/adapters/one.ts"],
};

describe("a fixture that breaks one rule is reported for exactly that rule", () => {
  for (const name of names) {
    test(name, async () => {
      const baseDir = join(fixtures, name);
      const found = await violations(baseDir, readdirSync(baseDir));
      assert.deepEqual([...new Set(found.map((violation) => violation.rule.name))], [name]);
      const breaking = [...new Set(found.map((violation) => violation.from))].sort();
      assert.deepEqual(breaking, ways[name] ?? breaking.slice(0, 1));
      const allowed = found.filter((violation) => violation.from.includes("allowed"));
      assert.deepEqual(allowed, [], "what the rule allows was reported");
    });
  }
});
