import { z } from "zod";
import { platformStatuses } from "./contract.ts";
import { advisoryIds, hexBytes, statementHead, statementTime, svn, wideSvn } from "./signed-statement.ts";
import type { StatementKind } from "./signed-statement.ts";

const levelStatus = z.enum(platformStatuses);
/** Of modules and quoting enclaves. */
const partStatus = z.enum(["UpToDate", "OutOfDate", "Revoked"]);

const components = z.array(z.object({ svn })).length(16);
const moduleMeasurement = { mrsigner: hexBytes(48), attributes: hexBytes(8), attributesMask: hexBytes(8) } as const;

/** Levels of a TDX module or a quoting enclave, the newest first. */
export const partLevels = z
  .array(
    z.object({
      tcb: z.object({ isvsvn: wideSvn }),
      tcbDate: statementTime,
      tcbStatus: partStatus,
      advisoryIDs: advisoryIds,
    }),
  )
  .min(1)
  .max(100);

/** TCB info, version 3, for TDX (Intel PCS API v4, "Get TDX TCB Info"). */
export const tcbInfoSchema = z.object({
  ...statementHead,
  fmspc: hexBytes(6),
  pceId: hexBytes(2),
  // How components are compared: 0 is the only way that is defined.
  tcbType: z.literal(0),
  tdxModule: z.object(moduleMeasurement),
  tdxModuleIdentities: z
    .array(z.object({ id: z.string().regex(/^TDX_[0-9A-Fa-f]{2}$/), ...moduleMeasurement, tcbLevels: partLevels }))
    .max(256)
    .default([]),
  tcbLevels: z
    .array(
      z.object({
        tcb: z.object({ sgxtcbcomponents: components, pcesvn: wideSvn, tdxtcbcomponents: components }),
        tcbDate: statementTime,
        tcbStatus: levelStatus,
        advisoryIDs: advisoryIds,
      }),
    )
    .min(1)
    .max(1000),
});

export type TcbInfo = z.output<typeof tcbInfoSchema>;
export type TcbLevel = TcbInfo["tcbLevels"][number];
export type PartLevel = z.output<typeof partLevels>[number];
export type PartStatus = z.output<typeof partStatus>;

export const tcbInfoKind: StatementKind<typeof tcbInfoSchema> = {
  subject: "TCB info",
  id: "TDX",
  version: 3,
  schema: tcbInfoSchema,
};
