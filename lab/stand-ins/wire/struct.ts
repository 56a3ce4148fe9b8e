import struct from "google-protobuf/google/protobuf/struct_pb.js";
import type { Value, ValueMap } from "./values.ts";

/**
 * A protobuf Struct as a plain map. Written out instead of `toJavaScript`, which would lose a key named `__proto__`
 * (a program may put any key into a map, and nothing that it said may vanish).
 */
export function fromStruct(message: struct.Struct | undefined): ValueMap {
  if (message === undefined) return {};
  const entries: [string, Value][] = [];
  message.getFieldsMap().forEach((value: struct.Value, key: string) => entries.push([key, fromValue(value)]));
  return Object.fromEntries(entries);
}

function fromValue(message: struct.Value): Value {
  switch (message.getKindCase()) {
    case struct.Value.KindCase.NUMBER_VALUE:
      return message.getNumberValue();
    case struct.Value.KindCase.STRING_VALUE:
      return message.getStringValue();
    case struct.Value.KindCase.BOOL_VALUE:
      return message.getBoolValue();
    case struct.Value.KindCase.STRUCT_VALUE:
      return fromStruct(message.getStructValue());
    case struct.Value.KindCase.LIST_VALUE:
      return (message.getListValue()?.getValuesList() ?? []).map(fromValue);
    case struct.Value.KindCase.NULL_VALUE:
    case struct.Value.KindCase.KIND_NOT_SET:
      return null;
  }
}

export function toStruct(map: ValueMap): struct.Struct {
  const message = new struct.Struct();
  const fields = message.getFieldsMap();
  for (const [key, value] of Object.entries(map)) fields.set(key, toValue(value));
  return message;
}

function toValue(value: Value): struct.Value {
  const message = new struct.Value();
  if (value === null) message.setNullValue(struct.NullValue.NULL_VALUE);
  else if (typeof value === "string") message.setStringValue(value);
  else if (typeof value === "number") message.setNumberValue(value);
  else if (typeof value === "boolean") message.setBoolValue(value);
  else if (Array.isArray(value)) message.setListValue(toList(value));
  else message.setStructValue(toStruct(value as ValueMap));
  return message;
}

function toList(values: readonly Value[]): struct.ListValue {
  const list = new struct.ListValue();
  list.setValuesList(values.map(toValue));
  return list;
}
