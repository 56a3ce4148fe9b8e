/**
 * Runs what throws errors by the dozen and catches them itself: the certificate library tries every octet string as a
 * nested structure. Writing a stack trace for each was an eighth of a verification. Nobody sees them: messages stay.
 */
export function withoutStackTraces<T>(run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
