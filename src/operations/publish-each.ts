import { Failure } from "../core/failure.ts";
import { formatDigestReference } from "../core/release/reference.ts";
import type { PublishedStatement } from "./publish-statement.ts";

/**
 * Does each in its order. When a later one fails, what was attached before it stays: the Failure then also names that,
 * as `tell` says it, so that nobody has to look for it. Throws what `publish` throws.
 */
export async function publishEach<Item, Done>(
  items: readonly Item[],
  publish: (item: Item) => Promise<Done>,
  tell: (done: Done) => readonly string[],
): Promise<Done[]> {
  const done: Done[] = [];
  for (const item of items) {
    try {
      done.push(await publish(item));
    } catch (error) {
      throw withDetails(error, done.flatMap(tell));
    }
  }
  return done;
}

/** How a statement that is attached is told of when another fails. */
export function alreadyAttached(repository: string, { subject, predicateType, referrer }: PublishedStatement): string {
  return `already attached: ${formatDigestReference(repository, subject)} ${predicateType} ${referrer}`;
}

/** An equal Failure with further details; any other error as it is. */
export function withDetails(error: unknown, details: readonly string[]): unknown {
  if (!(error instanceof Failure) || details.length === 0) return error;
  const { code, kind, message, remedy } = error;
  return new Failure({ code, kind, message, remedy, details: [...error.details, ...details] }, { cause: error });
}
