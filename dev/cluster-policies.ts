import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileTargetNames } from "../src/core/compile/target-names.ts";
import { compileTargets } from "../src/core/compile/targets.ts";
import { policyYaml } from "../src/core/compile/write-policy.ts";
import { readPolicyFile } from "../src/operations/read-policy-file.ts";
import type { GeneratedFile } from "./generated-files.ts";

const checkout = fileURLToPath(new URL("../", import.meta.url));
const policyFile = "policy/example-trust-policy.yaml";
const rootFile = "stacks/roots/public-good.json";

/** So that the same code gives the same bytes: the example has no exception that could end. */
const now = new Date("2026-11-23T00:00:00Z");

/** policy/cluster/<target>.yaml for every target of admission: the example policy, for people without Pulumi. */
export function clusterPolicies(): readonly GeneratedFile[] {
  return compileTargetNames
    .filter((name) => compileTargets[name].kind === "admission")
    .map((name) => ({
      path: `policy/cluster/${name}.yaml`,
      content: () => {
        const target = compileTargets[name];
        const policy = readPolicyFile(`${checkout}${policyFile}`);
        const output = target.compile({
          policy,
          releases: [],
          now,
          placement: {
            name: "neko-trust",
            namespace: "neko-trust",
            rollout: "warn",
            scope: { kind: "all-except", exempt: ["kube-system"] },
          },
          trustedRoot: readFileSync(`${checkout}${rootFile}`),
        });
        return policyYaml(policy, target, output, {
          madeBy: "`make generate` (dev/cluster-policies.ts)",
          instructions: [
            `An example, from ${policyFile}: it warns and refuses nothing. Make your own with: neko-trust compile-policy --target ${name} ` +
              `--policy <yours> --trusted-root ${rootFile}` +
              (target.needs.includes("releases")
                ? " --release <registry/path@sha256:…>. The list is empty here."
                : "."),
          ],
        });
      },
    }));
}
