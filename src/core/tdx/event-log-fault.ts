import type { QuoteFault } from "./contract.ts";
import type { FaultMeaning } from "./fault-meanings.ts";

const readAgain =
  "Read the log again in the machine that made the quote: /sys/firmware/acpi/tables/data/CCEL, whole and as it is.";
const otherFirmware =
  "Use a machine whose firmware writes the log in the TCG's crypto-agile format with SHA-384, as GCP's TDX machines do.";
const changed = "Do not believe this log: it is not what the firmware wrote. Find out who changed it.";

/** Why an event log is refused; one code per rule, in the order in which a log is read. */
export const eventLogFaultMeanings = {
  /** More bytes or more events than any firmware writes: nothing was read. */
  EVENT_LOG_TOO_LARGE: { meaning: "The log is larger than any firmware writes.", remedy: readAgain },
  /** Does not begin with a `Spec ID Event03` record, or that record contradicts itself. */
  EVENT_LOG_HEADER: {
    meaning: "The log does not begin with a specification ID event of the crypto-agile format.",
    remedy: otherFirmware,
  },
  /** Ends within a record, or a length runs past the end. */
  EVENT_LOG_TRUNCATED: { meaning: "The log ends within a record.", remedy: readAgain },
  /** No SHA-384, or an event whose digests are not those that the header announces. */
  EVENT_LOG_ALGORITHM: {
    meaning: "An event does not have exactly the digests that the log's header announces, SHA-384 among them.",
    remedy: otherFirmware,
  },
  /** A measurement register that a running trust domain can't extend. */
  EVENT_LOG_REGISTER: {
    meaning: "An event names a measurement register that nothing can be extended into.",
    remedy: changed,
  },
  /** An event's data is not what its digest is over, for a type where the two must agree. */
  EVENT_LOG_RELABELLED: { meaning: "An event's data is not what was measured.", remedy: changed },
  /** Something else than padding after the end of the log. */
  EVENT_LOG_TRAILING_BYTES: { meaning: "Something follows the end of the log.", remedy: changed },
  /** The replayed register is not what the quote says: events are missing, added, changed, or in another order. */
  EVENT_LOG_REPLAY: {
    meaning: "The log does not replay to the quote's register: events are missing, added, changed or in another order.",
    remedy: "Take log and quote from one boot of one machine, and let nothing extend a register between the two.",
  },
} as const satisfies Readonly<Record<string, FaultMeaning>>;
export type EventLogFaultCode = keyof typeof eventLogFaultMeanings;

export type EventLogFault = QuoteFault<EventLogFaultCode>;
