import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ExportedState } from "../support/engine/pulumi-state.ts";
import { startProgramLab } from "../support/program-lab.ts";
import type { ProgramLab } from "../support/program-lab.ts";

// A state of each release, made by dev/state-fixture.ts, against the program as it is now. A resource that was renamed
// without an alias shows as a creation and a deletion; one that is no longer updatable in place as a replacement.

const fixtures = join(import.meta.dirname, "fixtures");
const states = existsSync(fixtures) ? readdirSync(fixtures).filter((name) => /^state-.*\.json$/.test(name)) : [];
const never = ["replace", "create-replacement", "delete-replaced", "delete"];

/**
 * What comes anew with what it holds, by design: each lab signs a release of its own, and a release's disk, image and machines are
 * named after it; each lab has a credential of its own, and another credential is another Secret; what is published to the key
 * broker is named by its content, which has the signer's measurements and the stack's rules.
 */
const isOfItsContent = (urn: string): boolean =>
  /::confidential-signer-(?:disk|image|vm)-[0-9a-f]{12}(?:-[a-z])?$/.test(urn) ||
  /\$kubernetes:[a-z0-9/]+:[A-Za-z]+::key-broker-(?:credential|(?:publication|publication-token|requests)-[0-9a-f]{10})$/.test(
    urn,
  );

let lab: ProgramLab;
before(async () => {
  lab = await startProgramLab();
});
after(() => lab.close());

test("there is a state to upgrade from", () => {
  assert.ok(states.length > 0, "make one: dev/node.sh dev/state-fixture.ts");
});

for (const name of states) {
  test(`from ${name}: nothing is replaced or deleted, and what was there is not created again`, async () => {
    const state = JSON.parse(readFileSync(join(fixtures, name), "utf8")) as ExportedState;
    const known = new Set(state.deployment.resources.map(({ urn }) => urn));
    // The stack must exist before a state can be imported into it.
    await lab.open(({ handle }) => handle.preview());
    const file = join(lab.context.directories.state, name);
    writeFileSync(file, JSON.stringify(state));
    await lab.pulumi(["stack", "import", "--file", file]);

    const { resources } = await lab.open(({ handle }) => handle.preview());
    const wrong = resources.filter(({ op, urn }) => never.includes(op) || (op === "create" && known.has(urn)));
    assert.deepEqual(
      wrong.filter(({ urn }) => !isOfItsContent(urn)),
      [],
    );
    const planned = new Set(resources.map(({ urn }) => urn));
    assert.ok([...known].filter((urn) => planned.has(urn)).length > known.size / 2, "the plan is of the same stack");
  });

  test(`from ${name}, with other versions of the providers: nothing is replaced either`, async () => {
    const state = JSON.parse(readFileSync(join(fixtures, name), "utf8")) as ExportedState;
    for (const { type, inputs } of state.deployment.resources) {
      if (type.startsWith("pulumi:providers:") && inputs !== undefined) inputs["version"] = "1.0.0";
    }
    const file = join(lab.context.directories.state, `versions-${name}`);
    writeFileSync(file, JSON.stringify(state));
    await lab.pulumi(["stack", "import", "--file", file]);
    const { resources } = await lab.open(({ handle }) => handle.preview());
    assert.deepEqual(
      resources.filter(({ op, urn }) => never.includes(op) && !isOfItsContent(urn)),
      [],
    );
  });
}
