import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { fromJsonMap } from "./values.ts";
import type { Value, ValueMap } from "./values.ts";

/** A protobuf Struct as a map; nothing, when the message has none. */
export function fromStruct(message: struct.Struct | undefined): ValueMap {
  return message === undefined ? {} : fromJsonMap(message.toJavaScript());
}

export function toStruct(map: ValueMap): struct.Struct {
  return struct.Struct.fromJavaScript(writable(map));
}

type Written = Record<string, struct.JavaScriptValue>;

/** The library's types know no read-only maps and lists. */
function writable(map: ValueMap): Written {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, writableValue(value)]));
}

function writableValue(value: Value): struct.JavaScriptValue {
  if (Array.isArray(value)) return value.map((part: Value) => writableValue(part));
  return typeof value === "object" && value !== null ? writable(value as ValueMap) : value;
}
