import { moduleFolder } from "../../../src/adapters/toolchain/module-folder.ts";
import type { ModuleFolder, PinnedModule } from "../../../src/adapters/toolchain/module-folder.ts";
import { checkout } from "../engine/engine-under-test.ts";

/** Go modules of engines and APIs: definitions and charts are taken from where the code comes from. */
export const engineModules = {
  policyController: { path: "github.com/sigstore/policy-controller", pinnedBy: "tools/policy-controller" },
  kyverno: { path: "github.com/kyverno/kyverno", pinnedBy: "tools/kyverno" },
  gatekeeper: { path: "github.com/open-policy-agent/gatekeeper/v3", pinnedBy: "tools/gatekeeper" },
  gatewayApi: { path: "sigs.k8s.io/gateway-api", pinnedBy: "tools/gateway-api" },
} as const satisfies Record<string, PinnedModule>;

export type EngineModule = keyof typeof engineModules;

export function folderOf(name: EngineModule): Promise<ModuleFolder> {
  return moduleFolder(engineModules[name], { checkout, environment: process.env });
}
