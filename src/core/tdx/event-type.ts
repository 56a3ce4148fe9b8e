/**
 * Event types (TCG PC Client Platform Firmware Profile 1.06, section 10.4.1, table 27) that this project names, and the
 * measurement registers of a CCEL log (UEFI 2.10, section 38.4.1: CC_MR_INDEX of Intel TDX).
 */
export const eventTypes = {
  noAction: 0x0000_0003,
  separator: 0x0000_0004,
  eventTag: 0x0000_0006,
  platformConfigFlags: 0x0000_000a,
  ipl: 0x0000_000d,
  efiVariableDriverConfig: 0x8000_0001,
  efiVariableBoot: 0x8000_0002,
  efiBootServicesApplication: 0x8000_0003,
  efiGptEvent: 0x8000_0006,
  efiAction: 0x8000_0007,
  efiVariableAuthority: 0x8000_00e0,
} as const;

/**
 * Types whose digest is over the event's data as it stands (same table). For others it is over something else, such as a
 * loaded image or a table, and the data is only a description.
 */
const measuredAsData: ReadonlySet<number> = new Set([
  eventTypes.separator,
  eventTypes.efiVariableDriverConfig,
  eventTypes.efiGptEvent,
  eventTypes.efiAction,
  eventTypes.efiVariableAuthority,
]);

/** Whether an event of this type must have a digest over its data. */
export function digestIsOverData(type: number): boolean {
  return measuredAsData.has(type);
}

/** What the firmware measures into RTMR1 around what it boots (edk2, Tcg2Dxe and TdTcg2Dxe), as text without an end. */
export const efiActions = {
  callingApplication: "Calling EFI Application from Boot Option",
  exitBootServices: "Exit Boot Services Invocation",
  exitBootServicesDone: "Exit Boot Services Returned with Success",
} as const;
