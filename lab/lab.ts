import type { LabContext, LabReport } from "./context.ts";
import { tellingDiskFull } from "./disk-full.ts";
import { labDrift as drift } from "./drift.ts";
import { labEnvironment as environment } from "./environment.ts";
import { labPreview as preview } from "./preview.ts";
import { labUp as up } from "./up.ts";

/** What the command line calls of the lab. Those that write say so when the disk is full. */
export { labDown } from "./down.ts";
export { labStatus } from "./status.ts";
export { labToken } from "./token.ts";

export function labUp(context: LabContext, options: Parameters<typeof up>[1]): Promise<LabReport> {
  return tellingDiskFull(context, () => up(context, options));
}

export function labPreview(context: LabContext, options: Parameters<typeof preview>[1]): Promise<LabReport> {
  return tellingDiskFull(context, () => preview(context, options));
}

export function labDrift(context: LabContext): Promise<Awaited<ReturnType<typeof drift>>> {
  return tellingDiskFull(context, () => drift(context));
}

export function labEnvironment(context: LabContext): Promise<LabReport> {
  return tellingDiskFull(context, () => environment(context));
}
