import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { stringify } from "yaml";
import { z } from "zod";
import { directoriesOf } from "../../src/adapters/directories/directories.ts";
import { pinnedTools } from "../../src/adapters/toolchain/pinned-tools.ts";
import { ensureTool } from "../../src/adapters/toolchain/tool.ts";
import { compile } from "../../src/core/compile/gatekeeper/compile.ts";
import type { GatekeeperPolicies } from "../../src/core/compile/gatekeeper/compile.ts";
import { admissionCases, casesNow, casesPlacement, casesPolicy, casesReleases } from "../support/admission.ts";
import { engineCases } from "../support/engine-cases.ts";
import { checkout } from "../support/engine/engine-under-test.ts";
import type { KubernetesObject } from "../support/kubernetes.ts";

/**
 * Gatekeeper's verdicts by Gatekeeper's own engine: gator is its template compiler, CEL driver and matcher without a
 * cluster. What it leaves out is the webhook, which stack-objects.test.ts looks at as the chart renders it.
 */

interface Judged {
  readonly name: string;
  readonly object: KubernetesObject;
  readonly refusedWith: string | undefined;
}

const violations = z.array(
  z.looseObject({
    msg: z.string(),
    enforcementAction: z.string(),
    violatingObject: z.looseObject({ metadata: z.looseObject({ name: z.string() }) }),
  }),
);

let gator: string;

before(async () => {
  const directories = directoriesOf(checkout, process.env);
  ({ path: gator } = await ensureTool(pinnedTools.gator, {
    directories,
    environment: process.env,
    progress: console.error,
  }));
});

for (const [whose, cases] of [
  ["its own", engineCases("gatekeeper")],
  ["the baseline's", admissionCases()],
] as const) {
  test(`Gatekeeper gives ${whose} cases the verdicts that they name`, async () => {
    const verdicts = await judge(compiled(), cases);
    for (const { name, refusedWith } of cases) {
      const found = verdicts.get(name) ?? [];
      if (refusedWith === undefined) assert.deepEqual(found, [], name);
      else assert.ok(found.length === 1 && found[0]?.startsWith(`deny ${refusedWith}`), `${name}: ${found.join("; ")}`);
    }
  });
}

test("a constraint that only warns says the same, and refuses nothing", async () => {
  const cases = engineCases("gatekeeper").filter(({ kind }) => kind === "bad");
  const verdicts = await judge(compiled("warn"), cases);
  for (const { name, refusedWith } of cases) {
    assert.ok(verdicts.get(name)?.[0]?.startsWith(`warn ${refusedWith ?? ""}`), name);
  }
});

test("the exception that ended since is refused once the list is made again", async () => {
  const since = engineCases("gatekeeper").filter(({ release }) => release === "third-party-ended-since");
  assert.equal(since.length, 1);
  const later = compile(casesPolicy(), casesReleases, new Date("2027-01-01T00:00:01Z"), casesPlacement);
  assert.equal((await judge(later, since)).size, 1);
});

function compiled(rollout: "warn" | "enforce" = "enforce"): GatekeeperPolicies {
  return compile(casesPolicy(), casesReleases, casesNow, { ...casesPlacement, rollout });
}

/** `action message` of each violation, by the case's name; nothing for what is admitted. */
async function judge(
  { template, constraint }: GatekeeperPolicies,
  cases: readonly Judged[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const namespaces = [...new Set(cases.map(({ object }) => object.metadata.namespace ?? "default"))].map((name) => ({
    ...{ apiVersion: "v1", kind: "Namespace" },
    metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
  }));
  // Cases may share a name: each gets one of its own, by which its verdict is found again.
  const objects = cases.map(({ object }, index) => ({
    ...object,
    metadata: { ...object.metadata, name: `case-${index}` },
  }));
  const folder = mkdtempSync(join(tmpdir(), "neko-trust-gator-"));
  try {
    const file = join(folder, "objects.yaml");
    writeFileSync(file, [template, constraint, ...namespaces, ...objects].map((one) => stringify(one)).join("---\n"));
    const found = new Map<string, string[]>();
    for (const { msg, enforcementAction, violatingObject } of violations.parse(JSON.parse(await gatorTest(file)))) {
      const name = cases[Number(violatingObject.metadata.name.slice("case-".length))]?.name ?? "no case";
      found.set(name, [...(found.get(name) ?? []), `${enforcementAction} ${msg}`]);
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Its JSON; status 1 says that something is refused, which is no failure here. `null` where nothing is. */
async function gatorTest(file: string): Promise<string> {
  const { status, stdout, stderr } = await new Promise<{ status: unknown; stdout: string; stderr: string }>(
    (resolve) => {
      const child = execFile(
        gator,
        ["test", "--filename", file, "--output", "json"],
        { maxBuffer: 2 ** 24, timeout: 60_000 },
        (error, out, err) => {
          resolve({ status: error === null ? 0 : error.code, stdout: out, stderr: err });
        },
      );
      // It reads a pipe on its standard input besides, to the end.
      child.stdin?.end();
    },
  );
  if (status !== 0 && status !== 1) throw new Error(`gator ended with ${String(status)}: ${stderr}`);
  const text = stdout.trim();
  if (text === "" && stderr !== "") throw new Error(`gator: ${stderr}`);
  return text === "" || text === "null" ? "[]" : text;
}
