import { parseReference } from "../../core/release/reference.ts";
import type { Reference } from "../../core/release/reference.ts";
import { openRegistry } from "../../operations/open-registry.ts";
import { alreadyAttached, publishEach } from "../../operations/publish-each.ts";
import { signImage } from "../../operations/sign-image.ts";
import type { SignImageResult } from "../../operations/sign-image.ts";
import type { SigningOptions } from "../commands/signing-options.ts";
import type { CommandContext } from "../context.ts";
import { exitCodes } from "../outcome.ts";
import type { Outcome } from "../outcome.ts";
import { cosignCommand, signerDocument, signerLines, signerOf, statementLine, verifyLines } from "./signing.ts";

export interface SignImageOptions extends SigningOptions {
  readonly recursive?: boolean;
}

/** The action of `sign-image`. */
export async function signImageAction(
  texts: readonly string[],
  options: SignImageOptions,
  context: CommandContext,
): Promise<Outcome> {
  const { recursive = false, ...signing } = options;
  const references = texts.map(parseReference);
  const signer = await signerOf(signing, context);
  const client = openRegistry(context.environment, context.signal);
  const signOne = async (reference: Reference): Promise<SignImageResult> => {
    const result = await signImage(client, signer, { reference, recursive });
    context.progress(`signed ${result.resolved}`);
    return result;
  };
  const results = await publishEach(references, signOne, ({ resolved, published }) =>
    published.map((one) => alreadyAttached(resolved.slice(0, resolved.indexOf("@")), one)),
  );
  const command = ({ resolved }: SignImageResult): string => cosignCommand(signer, signing, ["verify"], resolved);
  return {
    exitCode: exitCodes.done,
    lines: [
      ...signerLines(signer),
      ...results.flatMap((result, position) => [
        `✓ ${result.resolved}${tagOf(texts[position])}`,
        ...result.published.map((one, first) => statementLine(first === 0 ? "signature" : "platform's signature", one)),
        ...verifyLines(signer, result.resolved, [command(result)]),
      ]),
    ],
    document: {
      ok: true,
      signer: signerDocument(signer),
      images: results.map((result) => ({ ...result, verify: command(result) })),
    },
  };
}

/** A tag may move: what it was when it was resolved is said once. */
function tagOf(text: string | undefined): string {
  return text === undefined || text.includes("@") ? "" : ` (what ${text} named)`;
}
