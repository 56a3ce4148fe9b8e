import type { TcbStatus, TdReport } from "./contract.ts";
import { fault, faulty, judged } from "./fault.ts";
import type { Judged, TdxFault } from "./fault.ts";
import type { PlatformData } from "./pck-certificate.ts";
import type { QeIdentity } from "./qe-identity.ts";
import type { PartLevel, PartStatus, TcbInfo, TcbLevel } from "./tcb-info.ts";

/** What a platform's TCB is worth, by Intel's statements. */
export interface TcbVerdict {
  readonly status: TcbStatus;
  readonly date: Date;
  readonly advisories: readonly string[];
}

type ModuleIdentity = TcbInfo["tdxModuleIdentities"][number];

/** TEE_TCB_SVN names the TDX module's version at 1 and its SVN at 0; from 2 the platform's. */
const moduleSvn = (svns: Uint8Array): number => svns[0] ?? 0;
const moduleVersion = (svns: Uint8Array): number => svns[1] ?? 0;

/** `TDX_03` for version 3. */
function findModule(info: TcbInfo, version: number): ModuleIdentity | undefined {
  const id = `TDX_${version.toString(16).padStart(2, "0").toUpperCase()}`;
  return info.tdxModuleIdentities.find((one) => one.id.toUpperCase() === id);
}

/**
 * Whether the TDX module is one that Intel signed and TCB info names (QuoteVerifier.cpp, 4.1.2.4.11): by its version's identity, or
 * before there were versions by `tdxModule`. SEAMATTRIBUTES must be zero, as for Intel's library, whatever the mask lets through.
 */
export function moduleFaults(report: TdReport, info: TcbInfo): TdxFault[] {
  const version = moduleVersion(report.teeTcbSvn);
  const module = version === 0 ? info.tdxModule : findModule(info, version);
  const subject = `TDX module, version ${version}`;
  if (module === undefined) return [unknownModule(subject)];
  const faults: TdxFault[] = [];
  if (report.mrSignerSeam !== module.mrsigner)
    faults.push(fault("TCB_MODULE_SIGNER", subject, module.mrsigner, report.mrSignerSeam));
  if (report.seamAttributes !== "0".repeat(16) || report.seamAttributes !== module.attributes)
    faults.push(fault("TCB_MODULE_ATTRIBUTES", subject, `${module.attributes}, and no bit set`, report.seamAttributes));
  return faults;
}

function unknownModule(subject: string): TdxFault {
  return fault("TCB_MODULE_UNKNOWN", subject, "an identity in TCB info", "none");
}

/** The first level that the SVN reaches: Intel lists the newest first. */
function partLevel(levels: readonly PartLevel[], found: number): PartLevel | undefined {
  return levels.find(({ tcb }) => found >= tcb.isvsvn);
}

function reaches(
  found: readonly number[] | Uint8Array,
  needed: readonly { readonly svn: number }[],
  from = 0,
): boolean {
  return needed.every(({ svn }, index) => index < from || (found[index] ?? -1) >= svn);
}

/**
 * The platform's level (TcbLevelCheck.cpp): the first that all 16 SGX components, the PCE's SVN and the TDX components reach. The
 * module's own SVNs, 0 and 1, don't count there once the module has a version: its identity judges them.
 */
function platformLevels(
  report: TdReport,
  platform: PlatformData,
  info: TcbInfo,
): { readonly sgx: TcbLevel; readonly tdx: TcbLevel } | undefined {
  const from = moduleVersion(report.teeTcbSvn) > 0 ? 2 : 0;
  const reached = info.tcbLevels.filter(
    ({ tcb }) => reaches(platform.components, tcb.sgxtcbcomponents) && platform.pceSvn >= tcb.pcesvn,
  );
  const tdx = reached.find(({ tcb }) => reaches(report.teeTcbSvn, tcb.tdxtcbcomponents, from));
  return reached[0] === undefined || tdx === undefined ? undefined : { sgx: reached[0], tdx };
}

const outdated: Readonly<Partial<Record<TcbStatus, TcbStatus>>> = {
  UpToDate: "OutOfDate",
  SWHardeningNeeded: "OutOfDate",
  ConfigurationNeeded: "OutOfDateConfigurationNeeded",
  ConfigurationAndSWHardeningNeeded: "OutOfDateConfigurationNeeded",
};

/** A platform's status and a part's (TDX module, quoting enclave): the part only ever makes it worse. */
function converge(status: TcbStatus, part: PartStatus): TcbStatus {
  if (part === "Revoked" || status === "Revoked") return "Revoked";
  return part === "OutOfDate" ? (outdated[status] ?? status) : status;
}

const needsConfiguration: ReadonlySet<TcbStatus> = new Set<TcbStatus>([
  "ConfigurationNeeded",
  "OutOfDateConfigurationNeeded",
  "ConfigurationAndSWHardeningNeeded",
]);

interface Levels {
  readonly sgx: TcbLevel;
  readonly module: PartLevel | undefined;
  readonly qe: PartLevel;
}

/**
 * Whether only the trust domain is old: it was started before the platform's module was updated (TDRelaunchCheck.cpp). Says so instead
 * of OutOfDate when everything else is current and TEE_TCB_SVN_2, what the platform has now, reaches the newest level.
 */
function relaunchStatus(status: TcbStatus, report: TdReport, info: TcbInfo, levels: Levels): Judged<TcbStatus> {
  const now = report.td15?.teeTcbSvn2;
  const isOld = status === "OutOfDate" || status === "OutOfDateConfigurationNeeded";
  const elseCurrent = levels.qe.tcbStatus === "UpToDate" && outdated[levels.sgx.tcbStatus] !== undefined;
  if (now === undefined || !isOld || !elseCurrent || levels.module?.tcbStatus !== "OutOfDate") return judged(status);
  const newest = info.tcbLevels[0]?.tcb.tdxtcbcomponents;
  const version = moduleVersion(now);
  let least = newest?.[0]?.svn;
  if (version > 0) {
    const module = findModule(info, version);
    if (module === undefined)
      return { ok: false, faults: [unknownModule(`TDX module of the platform now, version ${version}`)] };
    least = module.tcbLevels[0]?.tcb.isvsvn;
  }
  const leastMicrocode = newest?.[2]?.svn;
  if (least === undefined || leastMicrocode === undefined) return judged(status);
  if (moduleSvn(now) < least || (now[2] ?? -1) < leastMicrocode) return judged(status);
  const configure = needsConfiguration.has(levels.sgx.tcbStatus) || needsConfiguration.has(status);
  return judged(configure ? "TDRelaunchAdvisedConfigurationNeeded" : "TDRelaunchAdvised");
}

/**
 * Judges the TCB of a quote whose signatures hold: the platform's level, the TDX module's, the relaunch check, the quoting
 * enclave's, converged in Intel's order. A revoked SGX level counts, too, where Intel's library only logs it.
 */
export function judgeTcb(
  report: TdReport,
  qeSvn: number,
  platform: PlatformData,
  info: TcbInfo,
  identity: QeIdentity,
): Judged<TcbVerdict> {
  const faults: TdxFault[] = [];
  const qe = partLevel(identity.tcbLevels, qeSvn);
  if (qe === undefined)
    faults.push(
      fault("TCB_QE_LEVEL_NONE", "quoting enclave", "an SVN that a level of the QE identity allows", `${qeSvn}`),
    );
  const levels = platformLevels(report, platform, info);
  if (levels === undefined)
    faults.push(fault("TCB_LEVEL_NONE", "platform", "a level of TCB info", shown(report, platform)));
  const version = moduleVersion(report.teeTcbSvn);
  const identityOfModule = version === 0 ? undefined : findModule(info, version);
  const module = identityOfModule && partLevel(identityOfModule.tcbLevels, moduleSvn(report.teeTcbSvn));
  const subject = `TDX module, version ${version}`;
  if (version > 0 && identityOfModule === undefined) faults.push(unknownModule(subject));
  else if (version > 0 && module === undefined)
    faults.push(
      fault("TCB_MODULE_LEVEL_NONE", subject, "an SVN that a level allows", `${moduleSvn(report.teeTcbSvn)}`),
    );
  const [first, ...rest] = faults;
  if (first !== undefined) return { ok: false, faults: [first, ...rest] };
  if (levels === undefined || qe === undefined) return faulty("TCB_LEVEL_NONE", "platform", "a level", "none");

  const withModule = converge(levels.tdx.tcbStatus, module?.tcbStatus ?? "UpToDate");
  const relaunched = relaunchStatus(withModule, report, info, { sgx: levels.sgx, module, qe });
  if (!relaunched.ok) return relaunched;
  const status = levels.sgx.tcbStatus === "Revoked" ? "Revoked" : converge(relaunched.value, qe.tcbStatus);
  const advisories = [levels.tdx, levels.sgx, module, qe].flatMap((level) => level?.advisoryIDs ?? []);
  return judged({ status, date: levels.tdx.tcbDate, advisories: [...new Set(advisories)].sort() });
}

function shown(report: TdReport, platform: PlatformData): string {
  return `SGX ${platform.components.join(" ")}, PCE ${platform.pceSvn}, TDX ${report.teeTcbSvn.join(" ")}`;
}
