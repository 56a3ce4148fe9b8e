import { Failure } from "../../core/failure.ts";

/** Why a path on disk could not become an archive. */
export type PathFailureCode =
  /** There is nothing at the path, or a part vanished (then `PATH_CHANGED`). */
  | "PATH_NOT_FOUND"
  /** The file system refused to let it be read. */
  | "PATH_UNREADABLE"
  /** A device, socket or pipe: no archive holds one. */
  | "PATH_UNSUPPORTED"
  /** Something changed, came or went while it was read: the hash would be of no moment's state. */
  | "PATH_CHANGED";

const remedies: Record<PathFailureCode, string> = {
  PATH_NOT_FOUND: "Check the path.",
  PATH_UNREADABLE: "Run as a user that may read the whole tree.",
  PATH_UNSUPPORTED: "Remove it, or hash a folder that holds only files, folders and symbolic links.",
  PATH_CHANGED: "Stop what writes there, then try again.",
};

export function pathFailure(code: PathFailureCode, message: string, cause?: unknown): Failure {
  const kind = code === "PATH_CHANGED" || code === "PATH_UNREADABLE" ? "unavailable" : "usage";
  return new Failure({ code, kind, message, remedy: remedies[code] }, { cause });
}

/** A system error as a Failure; what was listed a moment ago and is gone or of another kind now has changed. */
export function systemFailure(error: unknown, path: string, listed: boolean): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return listed
        ? pathFailure("PATH_CHANGED", `${path} was replaced or removed while it was read.`, error)
        : pathFailure("PATH_NOT_FOUND", `There is no ${path}.`, error);
    case "EACCES":
    case "EPERM":
    case "EIO":
    case "EMFILE":
    case "ENFILE":
      return pathFailure("PATH_UNREADABLE", `${path} can't be read (${code}).`, error);
    case "ENXIO":
      return pathFailure("PATH_UNSUPPORTED", `${path} is a socket or device.`, error);
    default:
      return error;
  }
}
