/** What the package offers to other Pulumi programs: components, their settings' schemas, and the proof they ask for. */
export { AdmissionPolicies } from "./admission-policies/component.ts";
export type { AdmissionPoliciesArgs, AdmissionPoliciesOptions } from "./admission-policies/component.ts";
export type { ReleaseSet } from "./admission-policies/args.ts";
export { admissionPoliciesSettingsSchema } from "./admission-policies/settings.ts";
export type { AdmissionPoliciesSettings } from "./admission-policies/settings.ts";
export { GhcrRepository } from "./ghcr-repository/component.ts";
export type { GhcrRepositoryArgs, GhcrRepositoryOptions } from "./ghcr-repository/component.ts";
export { ghcrRepositorySettingsSchema } from "./ghcr-repository/settings.ts";
export type { GhcrRepositorySettings } from "./ghcr-repository/settings.ts";
export { trustPolicySchema } from "../src/core/policy/trust-policy.ts";
export type { TrustPolicy } from "../src/core/policy/trust-policy.ts";
export { PlannedRelease, VerifiedRelease } from "../src/core/release/verified-release.ts";
export type { UsableRelease } from "../src/core/release/verified-release.ts";
