/**
 * The names that `compile-policy --target` takes. Apart from the targets themselves: a command line's help needs the names,
 * and not what compiles.
 */
export const compileTargetNames = [
  "vap",
  "kyverno",
  "policy-controller",
  "gatekeeper",
  "workload-identity",
  "key-broker",
] as const;
export type CompileTargetName = (typeof compileTargetNames)[number];
