/** How AdmissionPolicies' settings place policies in a stack's clusters, for what compiles without the component. */
export {
  acceptsRefusals,
  engineNames,
  enginePlacementOf,
  enginesOf,
  placementOf,
} from "../../components/admission-policies/settings.ts";
export type { AdmissionPoliciesSettings, EngineName } from "../../components/admission-policies/settings.ts";
