import { verifyReferences } from "../support/verify-references.ts";

/** `node bench/programs/verify-images.ts CHECKOUT REFERENCE …` verifies images under stack local: one process for all. */
const [checkout, ...references] = process.argv.slice(2);
if (checkout === undefined || references.length === 0) throw new Error("give the checkout, then references");
const refused = await verifyReferences(references, checkout, process.env);
for (const line of refused) process.stderr.write(`${line}\n`);
process.stdout.write(`verified ${references.length - refused.length} of ${references.length}\n`);
process.exitCode = refused.length === 0 ? 0 : 1;
