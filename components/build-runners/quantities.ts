/** Amounts of a container's resources, as the settings write them: cpu `500m` or `4`, memory `512Mi` or `16Gi`. */
export interface Amounts {
  readonly cpu: string;
  readonly memory: string;
  readonly ephemeralStorage: string;
}

export const cpuPattern = /^[1-9][0-9]{0,5}m?$/;
export const bytesPattern = /^[1-9][0-9]{0,5}(?:Mi|Gi)$/;

/** Thousandths of a processor. */
export function millicores(cpu: string): number {
  return cpu.endsWith("m") ? Number(cpu.slice(0, -1)) : Number(cpu) * 1000;
}

/** Mebibytes. */
export function mebibytes(bytes: string): number {
  const number = Number(bytes.slice(0, -2));
  return bytes.endsWith("Gi") ? number * 1024 : number;
}

// As an API server writes them back, so that the stored object equals the plan.
const cpuText = (milli: number): string => (milli % 1000 === 0 ? String(milli / 1000) : `${milli}m`);
const bytesText = (mebi: number): string => (mebi % 1024 === 0 ? `${mebi / 1024}Gi` : `${mebi}Mi`);

/** `count` times each of the amounts, added up. */
export function total(shares: readonly { readonly amounts: Amounts; readonly count: number }[]): Amounts {
  const sum = (of: (amounts: Amounts) => number): number =>
    shares.reduce((all, { amounts, count }) => all + of(amounts) * count, 0);
  return {
    cpu: cpuText(sum(({ cpu }) => millicores(cpu))),
    memory: bytesText(sum(({ memory }) => mebibytes(memory))),
    ephemeralStorage: bytesText(sum(({ ephemeralStorage }) => mebibytes(ephemeralStorage))),
  };
}

/** The largest of each. */
export function largest(amounts: readonly Amounts[]): Amounts {
  const most = (of: (amounts: Amounts) => number): number => Math.max(...amounts.map(of));
  return {
    cpu: cpuText(most(({ cpu }) => millicores(cpu))),
    memory: bytesText(most(({ memory }) => mebibytes(memory))),
    ephemeralStorage: bytesText(most(({ ephemeralStorage }) => mebibytes(ephemeralStorage))),
  };
}

/** By Kubernetes' names. */
export function resourceList(amounts: Amounts): Record<"cpu" | "ephemeral-storage" | "memory", string> {
  return { cpu: amounts.cpu, "ephemeral-storage": amounts.ephemeralStorage, memory: amounts.memory };
}
