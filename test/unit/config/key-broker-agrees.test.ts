import assert from "node:assert/strict";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { readYamlConfig } from "../../../src/config/read-config.ts";
import { resourcePath } from "../../../src/core/compile/key-broker/rules.ts";
import { readKbsUrl } from "../../../src/core/kbs/kbs-url.ts";
import { parseResourceId } from "../../../src/core/kbs/resource-id.ts";
import { skipOwn } from "../../support/own-stacks.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout, state: folder, cache: folder, run: folder };

for (const stack of ["production", "staging"]) {
  const skip = skipOwn([stack], "it may have no signer, and a broker elsewhere");
  test(`${stack}: the signer asks for what the key broker keeps, at an address that the client takes`, { skip }, () => {
    const { keyBroker, confidentialSigner } = readYamlConfig(stack, directories);
    assert.ok(keyBroker !== undefined && confidentialSigner !== undefined);
    const { url, resource } = confidentialSigner.service.keyBroker;
    assert.equal(parseResourceId(resource), resourcePath(keyBroker.credential));
    assert.equal(readKbsUrl(url)?.hostname, keyBroker.gateway?.hostname);
  });
}
