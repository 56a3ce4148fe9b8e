import type { ChangeReleasesResult, ReleaseEdit } from "../../operations/change-releases.ts";
import type { OpenStackFile } from "../../operations/edit-stack-file.ts";
import { isUnavailable } from "../../operations/verify-releases.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { refusedLines } from "./refused-lines.ts";

/** What was verified under, and which of the stack's keys is changed; its own policy and releases unless given. */
export interface ShownReleases {
  readonly policy: string;
  readonly key: string;
}

/** What `release set` and `promote` print: findings of what was refused, or the change of the stack's file. */
export function releasesOutcome(
  open: OpenStackFile,
  result: ChangeReleasesResult,
  shown: ShownReleases = { policy: open.config.policy.name, key: "neko-trust:releases" },
): Outcome {
  const { stack, file } = open;
  const { policy, key } = shown;
  if (result.kind === "refused") {
    const unavailable = result.refused.every(({ findings }) => isUnavailable(findings));
    return {
      exitCode: unavailable ? exitCodes.unavailable : exitCodes.refused,
      lines: [
        ...result.refused.flatMap(({ resolved, findings }) => refusedLines(resolved, policy, findings)),
        `${file} was not changed.`,
      ],
      document: { ok: false, stack, file, policy, written: false, refused: result.refused },
    };
  }
  const { edits, written } = result;
  const anything = edits.some(({ change }) => change !== undefined);
  return {
    exitCode: exitCodes.done,
    lines: [
      ...edits.flatMap(({ resolved, name, version }) => [
        `✓ ${name} ${version} verified under policy "${policy}": ${resolved}`,
      ]),
      ...(anything
        ? [`${file}, ${key}${written ? "" : " (not written: --dry-run)"}`, ...edits.flatMap(editLines)]
        : []),
      ...closing(file, stack, anything, written),
    ],
    document: { ok: true, stack, file, policy, changed: anything, written, releases: edits.map(editDocument) },
  };
}

function closing(file: string, stack: string, anything: boolean, written: boolean): string[] {
  if (!anything) return [`Nothing to change in ${file}: it is current already.`];
  if (!written) return ["To make the change, run the same command without --dry-run."];
  return [
    `to do: look at the change with "git diff ${file}", commit it, and preview the stack: pulumi preview -s ${stack}, or npx neko-trust preview --stack ${stack} --offline.`,
  ];
}

function editLines({ name, version, change, oldVersion, notes, disk, resolved }: ReleaseEdit): string[] {
  if (change === undefined) return [`  ${name}: current already (${resolved})`];
  const { image, old, current, retained, dropped } = change;
  const before = old === undefined ? "none" : `${old} (${oldVersion ?? "version unknown"})`;
  return [
    `  ${name}, ${image}`,
    `    current   ${before}`,
    `           →  ${current} (${version})`,
    disk === undefined ? [] : [`    disk   →  ${disk}`],
    `    retained  ${retained.length === 0 ? "none" : retained.join(`\n              `)}`.split("\n"),
    dropped.map((digest) => `    dropped   ${digest}`),
    notes.map((note) => `    note: ${note}`),
  ].flat();
}

function editDocument({ change, oldVersion, resolved, name, version, disk, notes }: ReleaseEdit): unknown {
  const base = { resolved, name, version, notes };
  if (change === undefined) return { ...base, changed: false };
  const { image, old, current, retained, dropped } = change;
  return {
    ...base,
    changed: true,
    image,
    old: old === undefined ? null : { digest: old, version: oldVersion ?? null },
    current: { digest: current, version },
    retained,
    dropped,
    ...(disk === undefined ? {} : { disk }),
  };
}
