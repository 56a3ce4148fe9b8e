import type { QuoteFault } from "./contract.ts";

/** Why an event log is refused; one code per rule. */
export const eventLogFaultCodes = {
  /** More bytes or more events than any firmware writes: nothing was read. */
  EVENT_LOG_TOO_LARGE: "The log is larger than any firmware writes.",
  /** Does not begin with a `Spec ID Event03` record, or that record contradicts itself. */
  EVENT_LOG_HEADER: "The log does not begin with a specification ID event of the crypto-agile format.",
  /** Ends within a record, or a length runs past the end. */
  EVENT_LOG_TRUNCATED: "The log ends within a record.",
  /** No SHA-384, or an event whose digests are not those that the header announces. */
  EVENT_LOG_ALGORITHM:
    "An event does not have exactly the digests that the log's header announces, SHA-384 among them.",
  /** A measurement register that a running trust domain can't extend. */
  EVENT_LOG_REGISTER: "An event names a measurement register that nothing can be extended into.",
  /** An event's data is not what its digest is over, for a type where the two must agree. */
  EVENT_LOG_RELABELLED: "An event's data is not what was measured.",
  /** Something else than padding after the end of the log. */
  EVENT_LOG_TRAILING_BYTES: "Something follows the end of the log.",
  /** The replayed register is not what the quote says: events are missing, added, changed, or in another order. */
  EVENT_LOG_REPLAY: "The log does not replay to the quote's register.",
} as const;
export type EventLogFaultCode = keyof typeof eventLogFaultCodes;

export type EventLogFault = QuoteFault<EventLogFaultCode>;
