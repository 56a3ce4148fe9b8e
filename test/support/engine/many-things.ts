import type { Program } from "../../../src/engine/program.ts";
import { Thing } from "./tiny-provider.ts";

/** A program of several chains of things, each of which takes a moment: there is always something in flight to kill. */
export function manyThings(value: string, milliseconds: number): Program {
  return async () => {
    for (const chain of ["a", "b", "c"]) {
      let before: Thing | undefined;
      for (const index of [1, 2, 3, 4]) {
        before = new Thing(
          `${chain}${index}`,
          // One chain changes at each attempt by an update, one by a replacement, one not at all.
          { value: chain === "a" ? value : "same", milliseconds: milliseconds + (chain === "b" ? Number(value) : 0) },
          before === undefined ? {} : { dependsOn: before },
        );
      }
    }
    return Promise.resolve({ value });
  };
}
