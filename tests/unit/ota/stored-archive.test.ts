import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ArchivePart, archiveParts, lengthOf, slicesOf } from "../../../shared/ota/archive-parts.ts";
import {
  ARCHIVES,
  acceptArchive,
  isIdle,
  MIN_PART_BYTES,
  requestArchive,
  type StoredArchive,
  storedAs,
  uploadParts,
} from "../../../shared/ota/stored-archive.ts";
import { applied } from "../apply.ts";
import { theMoment } from "../moment.ts";
import { SAMPLE } from "./releases.ts";

const WORKSPACE = "ws_00000000000000000001";
const CONTENT = { details: "{}\n", segments: SAMPLE.slice(0, 3).map(({ segment }) => segment) };
const NOW = new Date("2026-03-01T12:00:00Z");
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1_000);

const segmentPart = (key: string, size: number): ArchivePart => ({
  kind: "segment",
  segment: { key, size, crc32: 0, length: size },
});
const MIB = 1024 ** 2;
const sizes = fc.oneof(
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 1, max: 12 * MIB }),
  fc.integer({ min: 500 * MIB, max: 3_000 * MIB }),
  fc.constantFrom(MIN_PART_BYTES - 1, MIN_PART_BYTES, MIN_PART_BYTES + 1, 2 * MIN_PART_BYTES, 512 * MIB + 1),
);
const archive = fc
  .array(sizes, { minLength: 1, maxLength: 8 })
  .map((all): ArchivePart[] => [
    { kind: "bytes", bytes: new Uint8Array(10) },
    ...all.map((size, index) => segmentPart(`segments/${index}`, size)),
    { kind: "bytes", bytes: new Uint8Array(2_578) },
  ]);

describe("the parts of the upload", () => {
  /** Where each stretch of the upload comes from, neighbours of one source joined. */
  const stretches = (parts: readonly ArchivePart[]) => {
    const found: { key: string; first: number; last: number }[] = [];
    const add = (key: string, first: number, last: number) => {
      const before = found.at(-1);
      if (before?.key === key && before.last + 1 === first) before.last = last;
      else found.push({ key, first, last });
    };
    for (const part of uploadParts(parts)) {
      if (part.kind === "copy") add(part.key, part.first, part.last);
      else {
        for (const slice of part.slices) {
          if (slice.kind === "bytes") add("bytes", 0, slice.bytes.length - 1);
          else add(slice.key, slice.range?.first ?? 0, slice.range?.last ?? slice.size - 1);
        }
      }
    }
    return found;
  };
  const sizeOf = (part: ReturnType<typeof uploadParts>[number]): number =>
    part.kind === "copy"
      ? part.last - part.first + 1
      : part.slices.reduce((sum, slice) => {
          if (slice.kind === "bytes") return sum + slice.bytes.length;
          return sum + (slice.range === undefined ? slice.size : slice.range.last - slice.range.first + 1);
        }, 0);

  test("are the archive, in order, each byte once", () => {
    fc.assert(
      fc.property(archive, (parts) => {
        const expected = parts.map((part) =>
          part.kind === "bytes"
            ? { key: "bytes", first: 0, last: part.bytes.length - 1 }
            : { key: part.segment.key, first: 0, last: part.segment.size - 1 },
        );
        expect(stretches(parts)).toEqual(expected);
      }),
    );
  });

  test("are of sizes that S3 takes, and little of it is ever in memory", () => {
    fc.assert(
      fc.property(archive, (parts) => {
        const planned = uploadParts(parts);
        expect(planned.length).toBeLessThanOrEqual(10_000);
        for (const part of planned.slice(0, -1)) expect(sizeOf(part)).toBeGreaterThanOrEqual(MIN_PART_BYTES);
        for (const part of planned) {
          expect(sizeOf(part)).toBeLessThanOrEqual(part.kind === "copy" ? 5 * 1024 ** 3 : MIN_PART_BYTES + 2_578);
        }
      }),
    );
  });

  test("copy whatever is large", () => {
    const [sent, ...copied] = uploadParts([
      { kind: "bytes", bytes: new Uint8Array(10) },
      segmentPart("a", 1_200 * MIB),
      segmentPart("b", 6 * MIB),
    ]);
    expect(sent).toMatchObject({ kind: "send" });
    expect(copied.map(({ kind }) => kind)).toEqual(["copy", "copy", "copy", "copy"]);
  });
});

describe("a slice of an archive", () => {
  test("is what a cut of the whole is", () => {
    const whole = Uint8Array.from({ length: 60 }, (_, index) => index);
    const store = new Map([
      ["a", whole.subarray(10, 30)],
      ["b", whole.subarray(30, 35)],
    ]);
    const parts: ArchivePart[] = [
      { kind: "bytes", bytes: whole.subarray(0, 10) },
      segmentPart("a", 20),
      segmentPart("b", 5),
      { kind: "bytes", bytes: whole.subarray(35) },
    ];
    expect(lengthOf(parts)).toBe(60);
    fc.assert(
      fc.property(fc.nat(59), fc.nat(59), (one, other) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        const bytes = slicesOf(parts, { first, last }).flatMap((slice) => {
          if (slice.kind === "bytes") return [...slice.bytes];
          const object = store.get(slice.key) as Uint8Array;
          expect(slice.size).toBe(object.length);
          return [...(slice.range ? object.subarray(slice.range.first, slice.range.last + 1) : object)];
        });
        expect(bytes).toEqual([...whole.subarray(first, last + 1)]);
      }),
    );
  });
});

describe("a stored archive", () => {
  const item = (found?: StoredArchive, now = NOW): StoredArchive =>
    applied(found && { ...found }, requestArchive(WORKSPACE, CONTENT, found, now)) as unknown as StoredArchive;

  test("is under one key for equal content, and under others for other content and workspaces", () => {
    const { key } = storedAs(WORKSPACE, CONTENT);
    expect(key.startsWith(ARCHIVES)).toBe(true);
    expect(storedAs(WORKSPACE, structuredClone(CONTENT)).key).toBe(key);
    const others = [
      storedAs("ws_00000000000000000002", CONTENT),
      storedAs(WORKSPACE, { ...CONTENT, details: "{ }\n" }),
      storedAs(WORKSPACE, { ...CONTENT, segments: [...CONTENT.segments].reverse() }),
      storedAs(WORKSPACE, { ...CONTENT, segments: CONTENT.segments.slice(1) }),
    ];
    expect(new Set([key, ...others.map((other) => other.key)]).size).toBe(5);
  });

  test("is asked for by one of two devices, and becomes one intent", () => {
    const asked = item();
    expect(asked).toMatchObject({ status: "requested", size: lengthOf(archiveParts(CONTENT)), revision: 1 });
    expect(() => applied({ ...asked }, requestArchive(WORKSPACE, CONTENT, undefined, NOW))).toThrow("refused");
    const { intent, writes } = acceptArchive(asked, theMoment(NOW));
    expect(intent).toMatchObject({ kind: "archive.create", workspaceId: WORKSPACE, subject: { id: asked.id } });
    const [update] = writes;
    const accepted = applied({ ...asked }, update as never);
    expect(accepted).toMatchObject({ status: "creating", revision: 2 });
    expect(() => applied(accepted, update as never)).toThrow("refused");
  });

  test.each([
    ["nothing of it is known", undefined, 0, true],
    ["it was asked for", "requested", 3_599, false],
    ["it was asked for an hour ago", "requested", 3_601, true],
    ["it is being made", "creating", 3_599, false],
    ["it was to be made an hour ago", "creating", 3_601, true],
    ["it has failed", "failed", 59, false],
    ["it has failed a while ago", "failed", 61, true],
    ["it was there", "active", 0, true],
  ] as const)("where %s: %s for %i s → to be asked for: %s", (_note, status, seconds, expected) => {
    const found = status === undefined ? undefined : { ...item(), status };
    expect(isIdle(found, later(seconds))).toBe(expected);
    if (found !== undefined && expected)
      expect(item(found, later(seconds))).toMatchObject({ status: "requested", revision: 2 });
  });
});
