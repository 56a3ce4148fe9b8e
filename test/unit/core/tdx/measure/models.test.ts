import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { writeEventLog } from "../../../../../lab/tdx/event-log-writer.ts";
import type { EventToWrite } from "../../../../../lab/tdx/event-log-writer.ts";
import { writePe } from "../../../../../lab/tdx/pe-writer.ts";
import type { SectionToWrite } from "../../../../../lab/tdx/pe-writer.ts";
import { replayEventLog } from "../../../../../src/core/tdx/event-log.ts";
import { efiActions, eventTypes } from "../../../../../src/core/tdx/event-type.ts";
import { measurementModels, predictMeasurements, requireModel } from "../../../../../src/core/tdx/measure/models.ts";
import { parsePe } from "../../../../../src/core/tdx/measure/pe.ts";
import { parseUki } from "../../../../../src/core/tdx/measure/uki.ts";
import { codeThrown } from "../../../../support/failures.ts";
import { vector } from "../../../../support/vectors.ts";

const zeros = "0".repeat(96);
const text = (value: string): Buffer => Buffer.from(value);
const sha384 = (data: Uint8Array | string): string => createHash("sha384").update(data).digest("hex");

// Not a whole number of sectors: what is cut off to the section's size in memory matters.
const kernel = writePe([{ name: ".text", data: Buffer.alloc(1000, 3) }], { overlay: Buffer.alloc(72, 4) });
const payload: readonly SectionToWrite[] = [
  { name: ".text", data: Buffer.alloc(64, 1) },
  { name: ".osrel", data: text("ID=neko\n") },
  { name: ".cmdline", data: text("init=/init\0") },
  { name: ".pcrsig", data: text("{}") },
  { name: ".initrd", data: Buffer.alloc(900, 5) },
  { name: ".linux", data: kernel },
  { name: ".uname", data: text("6.12.1") },
];
const uki = writePe(payload);
const gptEvent = Buffer.alloc(228, 6);

const register = (events: readonly EventToWrite[], name: "rtmr1" | "rtmr2"): string => {
  const verdict = replayEventLog(writeEventLog(events));
  assert.ok(verdict.ok);
  return verdict.log.registers[name];
};
const action = (data: string): EventToWrite => ({ register: 1, type: eventTypes.efiAction, data: text(data) });
const application = (digest: string): EventToWrite => ({
  register: 1,
  type: eventTypes.efiBootServicesApplication,
  data: text("device path"),
  digest,
});
const before: readonly EventToWrite[] = [
  action("Calling EFI Application from Boot Option"),
  { register: 1, type: eventTypes.separator, data: Buffer.alloc(4) },
  { register: 1, type: eventTypes.efiGptEvent, data: gptEvent },
  application(parsePe(uki, "uki").authenticode),
];
const after: readonly EventToWrite[] = [
  action("Exit Boot Services Invocation"),
  action("Exit Boot Services Returned with Success"),
];

test("up to stub 257, RTMR1 is what the log of a boot with the kernel loaded by the firmware replays to", () => {
  const rtmr1 = register([...before, application(parsePe(kernel, "kernel").authenticode), ...after], "rtmr1");
  for (const model of ["systemd-stub", "systemd-stub-vtpm"] as const)
    assert.equal(predictMeasurements(model, gptEvent, parseUki(uki)).rtmr1, rtmr1);
});

test("from stub 258 on, RTMR1 has no event for the kernel, which the image's own covers", () => {
  const rtmr1 = register([...before, ...after], "rtmr1");
  for (const model of ["systemd-stub-258", "systemd-stub-258-vtpm"] as const)
    assert.equal(predictMeasurements(model, gptEvent, parseUki(uki)).rtmr1, rtmr1);
});

test("with a vTPM RTMR2 is zero; without, names and contents of the sections in the stub's order", () => {
  const events = [".linux", ".osrel", ".cmdline", ".initrd", ".uname"].flatMap((name): EventToWrite[] => {
    const data = payload.find((section) => section.name === name)!.data;
    return [text(`${name}\0`), data].map((measured) => ({
      register: 2,
      type: eventTypes.ipl,
      data: text(name),
      digest: sha384(measured),
    }));
  });
  const rtmr2 = register(events, "rtmr2");
  for (const model of measurementModels) {
    const predicted = predictMeasurements(model, gptEvent, parseUki(uki));
    assert.equal(predicted.rtmr2, model.endsWith("vtpm") ? zeros : rtmr2);
    assert.equal(predicted.model, model);
  }
});

test("every byte of kernel, command line, initrd and partition table changes RTMR1", () => {
  const good = predictMeasurements("systemd-stub-258-vtpm", gptEvent, parseUki(uki)).rtmr1;
  for (const name of [".linux", ".cmdline", ".initrd"]) {
    const changed = payload.map((section) => {
      if (section.name !== name) return section;
      const data = Buffer.from(section.data);
      data.writeUInt8(data.readUInt8(data.length - 1) ^ 1, data.length - 1);
      return { name, data };
    });
    assert.notEqual(predictMeasurements("systemd-stub-258-vtpm", gptEvent, parseUki(writePe(changed))).rtmr1, good);
  }
  assert.notEqual(predictMeasurements("systemd-stub-258-vtpm", Buffer.alloc(228, 7), parseUki(uki)).rtmr1, good);
});

test("what frames a boot is measured by GCP's firmware with the digests that are used here", (t) => {
  const log = vector(t, "tdx/google-gcp-cos113.ccel");
  if (log === undefined) return;
  const replayed = replayEventLog(log);
  assert.ok(replayed.ok);
  const events = replayed.log.events.filter((event) => event.register === 1);
  const digests = events.map(({ digest }) => digest);
  assert.deepEqual(digests.slice(0, 2), [sha384(efiActions.callingApplication), sha384(Buffer.alloc(4))]);
  assert.deepEqual(digests.slice(-2), [sha384(efiActions.exitBootServices), sha384(efiActions.exitBootServicesDone)]);
  // Between them the partition table, and the applications that shim and GRUB are there.
  assert.deepEqual(
    events.slice(2, -2).map(({ type }) => type),
    [eventTypes.efiGptEvent, eventTypes.efiBootServicesApplication, eventTypes.efiBootServicesApplication],
  );
});

const without = (name: string): Buffer => writePe(payload.filter((section) => section.name !== name));
const instead = (name: string, section: SectionToWrite): Buffer =>
  writePe(payload.map((own) => (own.name === name ? section : own)));
const refused: Readonly<Record<string, readonly [string, Uint8Array]>> = {
  "an image without kernel": ["UKI_SECTION_MISSING", without(".linux")],
  "an image without command line": ["UKI_SECTION_MISSING", without(".cmdline")],
  "an image without initrd": ["UKI_SECTION_MISSING", without(".initrd")],
  "an image with an empty command line": [
    "UKI_SECTION_MISSING",
    instead(".cmdline", { name: ".cmdline", data: text("") }),
  ],
  "an image with two command lines": ["UKI_SECTION_MISSING", instead(".osrel", payload[2]!)],
  "a kernel that is no PE image": ["PE_INVALID", instead(".linux", { name: ".linux", data: Buffer.alloc(600, 1) })],
  "a section that is larger in memory than in the file": [
    "PE_INVALID",
    instead(".initrd", { name: ".initrd", data: text("x"), virtualSize: 100_000 }),
  ],
  "no image": ["PE_INVALID", Buffer.alloc(0)],
};
for (const [what, [code, bytes]] of Object.entries(refused)) {
  test(`refuses ${what}`, () => {
    assert.equal(
      codeThrown(() => parseUki(bytes), "accepted"),
      code,
    );
  });
}

for (const name of [".profile", ".dtbauto", ".hwids", ".efifw"]) {
  test(`without a vTPM refuses a section ${name}, which versions measure differently; with one takes it`, () => {
    const image = parseUki(instead(".uname", { name, data: text("x") }));
    for (const model of measurementModels) {
      const expected = model.endsWith("vtpm") ? "accepted" : "UKI_SECTION_UNMODELLED";
      assert.equal(
        codeThrown(() => predictMeasurements(model, gptEvent, image), "accepted"),
        expected,
      );
    }
  });
}

test("refuses a model that nobody has described", () => {
  for (const name of ["", "grub", "systemd-stub ", "toString", "__proto__"])
    assert.equal(
      codeThrown(() => requireModel(name), "accepted"),
      "MEASUREMENT_MODEL_UNKNOWN",
    );
  for (const name of measurementModels) assert.equal(requireModel(name), name);
});
