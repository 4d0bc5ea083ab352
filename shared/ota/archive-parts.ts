import { gzipEpilogue, gzipPrologue } from "./archive.ts";
import type { ByteRange } from "./range.ts";
import type { Segment } from "./select.ts";

/** What an archive is made of: its last member, `package_details.json`, as text, and the segments before it. */
export interface ArchiveContent {
  readonly details: string;
  readonly segments: readonly Segment[];
}

/** A piece of an archive, in order: bytes that are here, or a stored segment to be copied. */
export type ArchivePart =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "segment"; readonly segment: Segment };

/** A piece of an archive of which only a part may be wanted. `range` is absent for all of the object. */
export type ArchiveSlice =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "object"; readonly key: string; readonly size: number; readonly range?: ByteRange };

/** The pieces of the archive, without reading any segment. Equal content has equal pieces. */
export const archiveParts = ({ details, segments }: ArchiveContent): readonly ArchivePart[] => [
  { kind: "bytes", bytes: gzipPrologue() },
  ...segments.map((segment) => ({ kind: "segment", segment }) as const),
  { kind: "bytes", bytes: gzipEpilogue(segments, new TextEncoder().encode(details)) },
];

/** What two archives of the same bytes have in common, as plain data: a segment's key never has other bytes. */
export const identityOf = ({ details, segments }: ArchiveContent) => [
  details,
  segments.map(({ key, size, crc32, length }) => [key, size, crc32, length]),
];

const sizeOf = (part: ArchivePart): number => (part.kind === "bytes" ? part.bytes.length : part.segment.size);

/** Bytes of the whole. */
export const lengthOf = (parts: readonly ArchivePart[]): number => parts.reduce((sum, part) => sum + sizeOf(part), 0);

/** The pieces between two positions of the archive, both included. */
export const slicesOf = (parts: readonly ArchivePart[], { first, last }: ByteRange): readonly ArchiveSlice[] => {
  const slices: ArchiveSlice[] = [];
  let at = 0;
  for (const part of parts) {
    const size = sizeOf(part);
    const range = { first: Math.max(0, first - at), last: Math.min(size - 1, last - at) };
    at += size;
    if (range.first > range.last) continue;
    if (part.kind === "bytes") slices.push({ kind: "bytes", bytes: part.bytes.subarray(range.first, range.last + 1) });
    else {
      const isWhole = range.first === 0 && range.last === size - 1;
      slices.push({ kind: "object", key: part.segment.key, size, ...(!isWhole && { range }) });
    }
  }
  return slices;
};
