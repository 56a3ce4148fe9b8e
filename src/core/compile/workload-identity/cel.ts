import { Failure } from "../../failure.ts";

/** Common Expression Language, as Google's identity pools evaluate it (github.com/google/cel-spec, langdef.md). */

/** What stands in a literal as it is: nothing that could end it, escape, or be read as a line's end. */
const plainCharacter = /^[A-Za-z0-9 ._/@:+=,*-]$/;

/**
 * A string literal for any text. Whatever is not plain is written as its code point, so that no text can end the
 * literal and go on as an expression. Throws WORKLOAD_IDENTITY_TEXT (usage) for half a surrogate pair, which has none.
 */
export function celString(text: string): string {
  if (!text.isWellFormed()) {
    throw new Failure({
      code: "WORKLOAD_IDENTITY_TEXT",
      kind: "usage",
      message: "A text of a workload identity is no Unicode: it holds half of a surrogate pair.",
      remedy: "Type the identity's texts anew.",
    });
  }
  return `'${Array.from(text, celCharacter).join("")}'`;
}

function celCharacter(character: string): string {
  if (plainCharacter.test(character)) return character;
  const point = character.codePointAt(0) ?? 0;
  return point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
}

function hex(point: number, digits: number): string {
  return point.toString(16).padStart(digits, "0");
}

/** `['a', 'b']`, sorted, so that the order of a setting changes nothing. */
export function celStrings(texts: readonly string[]): string {
  return `[${texts.toSorted().map(celString).join(", ")}]`;
}
