/** `a, b and c`; `nothing` for an empty list. */
export function and(parts: readonly string[]): string {
  return joined(parts, "and");
}

/** `a, b or c`; `nothing` for an empty list. */
export function or(parts: readonly string[]): string {
  return joined(parts, "or");
}

function joined(parts: readonly string[], word: string): string {
  const last = parts.at(-1);
  if (last === undefined) return "nothing";
  return parts.length === 1 ? last : `${parts.slice(0, -1).join(", ")} ${word} ${last}`;
}

export function quoted(parts: readonly string[]): string[] {
  return parts.map((part) => JSON.stringify(part));
}

/** `1 log`, `2 logs`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

const day = 86_400_000;

/** Days from one time to another, rounded down; negative when it has passed. */
export function daysUntil(time: string, now: Date): number {
  return Math.floor((Date.parse(time) - now.getTime()) / day);
}

/** A time and how far away it is: `2026-12-01T00:00:00Z (in 8 days)`. */
export function when(time: string, now: Date): string {
  const away = Date.parse(time) - now.getTime();
  const days = Math.floor(Math.abs(away) / day);
  const distance = days === 0 ? "less than a day" : counted(days, "day");
  return `${time} (${away >= 0 ? `in ${distance}` : `${distance} ago`})`;
}

/** A full ref as people say it: `tags v*`, `branch main`. */
export function refWords(ref: string): string {
  const [, kind, name = ref] = /^refs\/(heads|tags)\/(.*)$/.exec(ref) ?? [];
  const many = name.includes("*");
  if (kind === "heads") return `${many ? "branches" : "branch"} ${name}`;
  return kind === "tags" ? `${many ? "tags" : "tag"} ${name}` : name;
}
