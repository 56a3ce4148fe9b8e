import assert from "node:assert/strict";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { readYamlConfig, stackNames } from "../../../src/config/read-config.ts";
import { resourcePath } from "../../../src/core/compile/key-broker/rules.ts";
import { readKbsUrl } from "../../../src/core/kbs/kbs-url.ts";
import { parseResourceId } from "../../../src/core/kbs/resource-id.ts";

const checkout = join(import.meta.dirname, "..", "..", "..");
const folder = join(tmpdir(), "neko-no-such-state");
const directories = { checkout, state: folder, cache: folder, run: folder };

for (const stack of stackNames(checkout).filter((name) => name !== "platform" && name !== "local")) {
  test(`${stack}: the signer asks for the credential where the key broker keeps it, at an address that the client takes`, () => {
    const { keyBroker, confidentialSigner } = readYamlConfig(stack, directories);
    assert.ok(keyBroker !== undefined && confidentialSigner !== undefined);
    const { url, resource } = confidentialSigner.service.keyBroker;
    assert.equal(parseResourceId(resource), resourcePath(keyBroker.credential));
    assert.equal(readKbsUrl(url)?.hostname, keyBroker.gateway?.hostname);
  });
}
