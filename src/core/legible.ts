/** Longest text that one field of a message shows, in characters. */
const most = 1000;

/** Control and format characters (terminal escapes, line breaks, bidirectional overrides), and line separators. */
const unseen = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/**
 * Text of unknown origin as one line that a terminal shows as it is: whoever can attach a statement must not be able to
 * move the cursor, colour a refusal green or write a line of his own. What is left out is said.
 */
export function legible(text: string): string {
  const shown = text.length > most ? `${text.slice(0, most)}… (${text.length - most} characters more)` : text;
  return shown.toWellFormed().replace(unseen, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
