import type { CollateralParts } from "./collateral-parts.ts";

/** How new collateral is: what must never go back. */
export interface CollateralAge {
  /** tcbEvaluationDataNumber of TCB info and of QE identity. */
  readonly evaluation: { readonly tcbInfo: number; readonly qeIdentity: number };
  /** When each part was issued. */
  readonly issued: { readonly tcbInfo: Date; readonly qeIdentity: Date; readonly rootCrl: Date; readonly pckCrl: Date };
  /** The first moment at which a list or statement is out of date. */
  readonly nextUpdate: Date;
}

/** Undefined where a part does not hold: then nothing says how new it is. */
export function collateralAge({ tcbInfo, qeIdentity, rootCrl, pckCrl }: CollateralParts): CollateralAge | undefined {
  if (!tcbInfo.ok || !qeIdentity.ok || !rootCrl.ok || !pckCrl.ok) return undefined;
  const parts = [tcbInfo.value, qeIdentity.value, rootCrl.value, pckCrl.value];
  return {
    evaluation: {
      tcbInfo: tcbInfo.value.tcbEvaluationDataNumber,
      qeIdentity: qeIdentity.value.tcbEvaluationDataNumber,
    },
    issued: {
      tcbInfo: tcbInfo.value.issueDate,
      qeIdentity: qeIdentity.value.issueDate,
      rootCrl: rootCrl.value.thisUpdate,
      pckCrl: pckCrl.value.thisUpdate,
    },
    nextUpdate: new Date(Math.min(...parts.map((part) => part.nextUpdate.getTime()))),
  };
}

const statements = ["tcbInfo", "qeIdentity"] as const;
const issuedParts = ["tcbInfo", "qeIdentity", "rootCrl", "pckCrl"] as const;

/**
 * How `next` compares with what was known: `rollback` where an evaluation number is lower, `older` where a part was issued
 * before the one that is known (a service's mirrors don't change at once), else `newer`.
 */
export function compareAge(known: CollateralAge, next: CollateralAge): "rollback" | "older" | "newer" {
  if (statements.some((name) => next.evaluation[name] < known.evaluation[name])) return "rollback";
  return issuedParts.some((name) => next.issued[name] < known.issued[name]) ? "older" : "newer";
}
