import { pullLayout } from "../../src/adapters/registry/layout-transfer.ts";
import { pushTamperedCopy } from "../../lab/tamper.ts";
import type { BenchLab } from "./bench-lab.ts";
import type { BenchRelease } from "./bench-releases.ts";

const maxLayerBytes = 256 * 1024 * 1024;

/** A copy of the lab's first release with one byte of a layer changed, and the original's statements attached. */
export async function tamperedCopy({ client, releases: [original] }: BenchLab): Promise<BenchRelease> {
  const { repository, digest } = original;
  const layout = await pullLayout(client, repository, digest, maxLayerBytes);
  const copy = await pushTamperedCopy(client, { repository, digest, layout, signed: true });
  const statements = original.statements.map((statement) =>
    statement.subject === digest ? { ...statement, subject: copy.digest } : statement,
  );
  return { ...original, digest: copy.digest, statements };
}
