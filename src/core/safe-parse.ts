import { z } from "zod";
import { reasonOf } from "./failure.ts";

export type SafeParsed<T> =
  { readonly success: true; readonly data: T } | { readonly success: false; readonly error: z.ZodError };

/** Without code made for each schema: making it takes longer than it ever saves here, and needs `new Function`. */
const plainly = { jitless: true } as const;

/**
 * Parses what anybody may have written. A plain `safeParse` can throw: zod compares a `length` also on values of
 * another type, and JSON can spell an object that has no primitive value (`{"length": {"toString": null}}`). Whatever is
 * thrown means that the value is not what the schema asks for.
 */
export function safeParse<S extends z.ZodType>(schema: S, value: unknown): SafeParsed<z.output<S>> {
  try {
    return schema.safeParse(value, plainly);
  } catch (error) {
    const message = `can't be read (${reasonOf(error)})`;
    return { success: false, error: new z.ZodError([{ code: "custom", path: [], message, input: undefined }]) };
  }
}

/** As `schema.parse`, in the same way: throws z.ZodError, or whatever a refinement throws. */
export function parsePlainly<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  return schema.parse(value, plainly);
}
