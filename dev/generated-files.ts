import { clusterPolicies } from "./cluster-policies.ts";
import { commandPages } from "./command-pages.ts";
import { peerMatrixPage } from "./peer-matrix.ts";
import { releaseManifestJsonSchema, trustPolicyJsonSchema } from "./json-schemas.ts";
import {
  endorsementFaultCodesPage,
  eventLogFaultCodesPage,
  findingCodesPage,
  quoteFaultCodesPage,
  supportMatrixPage,
} from "./reference-pages.ts";
import { resourcesPage } from "./resources-page.ts";

/** A file that is made from code: the same code always gives the same bytes. */
export interface GeneratedFile {
  /** Relative to the checkout, with `/`. */
  readonly path: string;
  readonly content: () => string;
}

/** Every generated file. To add one, write a pure function that returns its text, and name it here. */
export const generatedFiles: readonly GeneratedFile[] = [
  { path: "schemas/release-manifest.v1.schema.json", content: releaseManifestJsonSchema },
  { path: "schemas/trust-policy.v1.schema.json", content: trustPolicyJsonSchema },
  { path: "docs/generated/finding-codes.md", content: findingCodesPage },
  { path: "docs/generated/quote-fault-codes.md", content: quoteFaultCodesPage },
  { path: "docs/generated/event-log-fault-codes.md", content: eventLogFaultCodesPage },
  { path: "docs/generated/endorsement-fault-codes.md", content: endorsementFaultCodesPage },
  { path: "docs/generated/support-matrix.md", content: supportMatrixPage },
  // Counts what docs/plans has: write those first.
  { path: "docs/generated/resources.md", content: resourcesPage },
  { path: "docs/generated/peer-matrix.md", content: peerMatrixPage },
  ...clusterPolicies(),
  ...commandPages(),
];

/** Folders that hold generated files only: another file there is a leftover. */
export const generatedFolders: readonly string[] = ["schemas", "docs/generated", "docs/commands", "policy/cluster"];
