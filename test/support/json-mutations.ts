/**
 * Hostile variants of a JSON document, as text: what two readers could take for two things, what exhausts a reader, what looks like
 * something else. Seeded, so that a failure can be repeated.
 */

/** Whole numbers from 0 below `below`. */
export type Random = (below: number) => number;

/** Park and Miller's generator. */
export function randomFrom(seed: number): Random {
  let state = (seed % 2_147_483_646) + 1;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

export interface Mutation {
  /** What was done, for a failure's message. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

type Place = { readonly holder: Record<string, unknown> | unknown[]; readonly key: string | number };

/** Every object member and array element of a document. */
function placesOf(value: unknown, found: Place[] = []): Place[] {
  if (Array.isArray(value)) {
    value.forEach((element, index) => {
      found.push({ holder: value, key: index });
      placesOf(element, found);
    });
  } else if (typeof value === "object" && value !== null) {
    const holder = value as Record<string, unknown>;
    for (const [key, member] of Object.entries(holder)) {
      found.push({ holder, key });
      placesOf(member, found);
    }
  }
  return found;
}

function at({ holder, key }: Place): unknown {
  return (holder as Record<string | number, unknown>)[key];
}

/** Letters of other scripts and forms that look like ASCII ones. */
const lookAlikes: Readonly<Record<string, string>> = {
  a: "\u0430",
  e: "\u0435",
  o: "\u043e",
  p: "\u0440",
  c: "\u0441",
  i: "\u0456",
  s: "\u0455",
  A: "\u0391",
  "/": "\u2044",
  ".": "\u2024",
  ":": "\uff1a",
  "-": "\u2010",
};

const numbers = ["1e999", "-0", "0.1", "9007199254740993", "1E2", "00", "-1", "1.0", "1e-400", "0x10"];
const scalars: readonly unknown[] = [null, true, false, 0, "", "x", [], {}, [[]], { toString: null }, { length: 1 }];

/** Marks a place in the text that `JSON.stringify` can't write by itself. */
const marker = "\u0001mutation\u0001";

type Change = (place: Place, random: Random) => { readonly what: string; readonly text?: (json: string) => string };

/** Puts text in the place of a value when the document is written. */
function raw({ holder, key }: Place, text: string): (json: string) => string {
  (holder as Record<string | number, unknown>)[key] = marker;
  return (json) => json.replace(JSON.stringify(marker), () => text);
}

const changes: readonly Change[] = [
  (place, random) => {
    const value = scalars[random(scalars.length)];
    (place.holder as Record<string | number, unknown>)[place.key] = value;
    return { what: `another value, ${JSON.stringify(value)}` };
  },
  ({ holder, key }) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else Reflect.deleteProperty(holder, key);
    return { what: "removed" };
  },
  (place, random) => {
    const number = numbers[random(numbers.length)] ?? "0";
    return { what: `the number ${number}`, text: raw(place, number) };
  },
  (place, random) => {
    const depth = 10 ** (1 + random(5));
    return { what: `${depth} levels`, text: raw(place, `${"[".repeat(depth)}${"]".repeat(depth)}`) };
  },
  (place, random) => {
    const levels = 10 ** (1 + random(4));
    return {
      what: `${levels} objects within each other`,
      text: raw(place, `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`),
    };
  },
  ({ holder, key }, random) => {
    const value = at({ holder, key });
    if (typeof value !== "string" || value === "") return { what: "nothing" };
    const positions = Array.from(value, (character, index) => (character in lookAlikes ? index : -1)).filter(
      (i) => i >= 0,
    );
    const position = positions[random(Math.max(positions.length, 1))] ?? 0;
    const letter = value.charAt(position);
    const other = lookAlikes[letter] ?? `${letter}\u200b`;
    (holder as Record<string | number, unknown>)[key] =
      `${value.slice(0, position)}${other}${value.slice(position + 1)}`;
    return { what: `a look-alike of ${JSON.stringify(letter)}` };
  },
  ({ holder, key }, random) => {
    const value = at({ holder, key });
    if (typeof value !== "string") return { what: "nothing" };
    const ways = [
      value.toUpperCase(),
      `${value} `,
      `\ufeff${value}`,
      value.normalize("NFD"),
      `${value}\u0000`,
      value.slice(1),
      `${value}${value}`,
    ];
    (holder as Record<string | number, unknown>)[key] = ways[random(ways.length)];
    return { what: "another spelling" };
  },
  (place) => {
    const value = at(place);
    return {
      what: "a lone surrogate",
      text: raw(place, `"\\ud800${typeof value === "string" ? value.slice(0, 8) : ""}"`),
    };
  },
  ({ holder, key }, random) => {
    if (Array.isArray(holder)) {
      holder.push(...Array.from({ length: 1 + random(3) }, () => structuredClone(holder[Number(key)] as object)));
      return { what: "repeated elements" };
    }
    const value = at({ holder, key });
    const twin = JSON.stringify(value) as string | undefined;
    const other = random(2) === 0 ? twin : JSON.stringify(scalars[random(scalars.length)]);
    return {
      what: `the key ${JSON.stringify(key)} twice`,
      text: raw({ holder, key }, `${twin ?? "null"},${JSON.stringify(key)}:${other ?? "null"}`),
    };
  },
  ({ holder, key }, random) => {
    if (Array.isArray(holder)) return { what: "nothing" };
    const names = [
      "__proto__",
      "constructor",
      "toString",
      `${key}\u0000`,
      String(key).toUpperCase(),
      `\u200b${key}`,
      "extra",
    ];
    const name = names[random(names.length)] ?? "extra";
    const text = raw(
      { holder, key },
      `${(JSON.stringify(at({ holder, key })) as string | undefined) ?? "null"},${JSON.stringify(name)}:{"polluted":true}`,
    );
    return { what: `one key more, ${JSON.stringify(name)}`, text };
  },
];

/** One mutation of a JSON document. */
export function mutateJson(document: unknown, random: Random): Mutation {
  const copy: unknown = structuredClone(document);
  const places = placesOf(copy);
  const place = places[random(places.length)];
  const change = changes[random(changes.length)];
  if (place === undefined || change === undefined) throw new Error("the document has nothing to change");
  const where = String(place.key);
  const { what, text } = change(place, random);
  const json = JSON.stringify(copy);
  return { what: `${where}: ${what}`, bytes: Buffer.from(text === undefined ? json : text(json)) };
}

/** One mutation of bytes: a bit, a cut, a repetition, a run of other bytes. */
export function mutateBytes(bytes: Uint8Array, random: Random): Mutation {
  const position = random(bytes.length);
  const length = 1 + random(64);
  const [before, after] = [bytes.subarray(0, position), bytes.subarray(position)];
  switch (random(5)) {
    case 0: {
      const copy = Uint8Array.from(bytes);
      const bit = random(8);
      copy[position] = (copy[position] ?? 0) ^ (1 << bit);
      return { what: `bit ${bit} of byte ${position}`, bytes: copy };
    }
    case 1:
      return { what: `cut at ${position}`, bytes: before };
    case 2:
      return {
        what: `${length} bytes at ${position} left out`,
        bytes: Buffer.concat([before, after.subarray(length)]),
      };
    case 3:
      return {
        what: `${length} bytes at ${position} twice`,
        bytes: Buffer.concat([before, after.subarray(0, length), after]),
      };
    default:
      return {
        what: `${length} other bytes at ${position}`,
        bytes: Buffer.concat([before, Buffer.from(Array.from({ length }, () => random(256))), after]),
      };
  }
}
