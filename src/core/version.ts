import { valid } from "semver";
import { z } from "zod";

const form = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

/** A version that compares without throwing: strictly as semver.org has it (no leading zeros, no empty parts), no v. */
export const versionSchema = z
  .string()
  .regex(form, "must be a semantic version, without v")
  .refine((text) => !form.test(text) || valid(text) === text, "must be a semantic version as semver.org has it");
