import { z } from "zod";

/** Labels as the API server takes them (k8s.io/apimachinery, util/validation): a key, and a value that may be empty. */

export const labelKeySchema = z
  .string()
  .max(253)
  .regex(
    /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    "must be a label key",
  );

export const labelValueSchema = z
  .string()
  .regex(/^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/, "must be a label value");
