import messages from "@pulumi/pulumi/proto/provider_pb.js";
import { pathText } from "./wire/changes.ts";
import type { Change } from "./wire/changes.ts";

const { PropertyDiff, DiffResponse } = messages;

const kinds = {
  add: [PropertyDiff.Kind.ADD, PropertyDiff.Kind.ADD_REPLACE],
  delete: [PropertyDiff.Kind.DELETE, PropertyDiff.Kind.DELETE_REPLACE],
  update: [PropertyDiff.Kind.UPDATE, PropertyDiff.Kind.UPDATE_REPLACE],
} as const;

/**
 * The changes of inputs in the engine's terms. `again` asks for an update although no input changed: what the state
 * knows was not done, or not where this run does it.
 */
export function diffResponse(
  changes: readonly Change[],
  replaces: (change: Change) => boolean,
  deleteBeforeReplace: boolean,
  again = false,
): messages.DiffResponse {
  const response = new DiffResponse();
  response.setChanges(
    changes.length > 0 || again ? DiffResponse.DiffChanges.DIFF_SOME : DiffResponse.DiffChanges.DIFF_NONE,
  );
  if (changes.length === 0) return response;
  const replacing = changes.filter(replaces);
  response.setDiffsList(topLevel(changes));
  response.setReplacesList(topLevel(replacing));
  response.setDeletebeforereplace(replacing.length > 0 && deleteBeforeReplace);
  response.setHasdetaileddiff(true);
  const details = response.getDetaileddiffMap();
  for (const change of changes) {
    const [inPlace, byReplacement] = kinds[change.kind];
    const detail = new PropertyDiff();
    detail.setKind(replacing.includes(change) ? byReplacement : inPlace);
    detail.setInputdiff(true);
    details.set(pathText(change.path), detail);
  }
  return response;
}

function topLevel(changes: readonly Change[]): string[] {
  return [...new Set(changes.map(({ path }) => String(path[0])))];
}
