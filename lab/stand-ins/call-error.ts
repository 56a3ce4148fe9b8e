import { status } from "@grpc/grpc-js";
import { Failure, reasonOf } from "../../src/core/failure.ts";
import { redact } from "./wire/secrets.ts";

/** An error with the gRPC status that it is answered with. Its message is ready to be printed. */
export class CallError extends Error {
  readonly code: status;

  constructor(code: status, message: string) {
    super(message);
    this.name = "CallError";
    this.code = code;
  }
}

/** gRPC carries messages in HTTP/2 headers, which are limited. */
const maxLength = 2_000;

export function refused(packageName: string, method: string, reason: string): CallError {
  return new CallError(status.PERMISSION_DENIED, `The ${packageName} stand-in refuses ${method}: ${reason}.`);
}

/** The error as the engine may print it: secrets masked, what to do next included. */
export function printable(error: unknown, secrets: ReadonlySet<string>): CallError {
  if (error instanceof CallError) return error;
  const text = error instanceof Failure ? `${error.message} ${error.remedy}` : reasonOf(error);
  return new CallError(status.UNKNOWN, redact(text, secrets).slice(0, maxLength));
}
