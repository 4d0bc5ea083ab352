import { createHash } from "node:crypto";
import { ID_PREFIXES, type Moment } from "../ids.ts";
import { requestIntent, type StoredIntent } from "../intent/intent.ts";
import { otaKeys } from "../keys.ts";
import type { Stored } from "../resource.ts";
import type { Write } from "../writes.ts";
import {
  type ArchiveContent,
  type ArchivePart,
  type ArchiveSlice,
  archiveParts,
  identityOf,
  lengthOf,
  slicesOf,
} from "./archive-parts.ts";

/**
 * What the keys of stored archives start with, and no other key: a workspace named "archives" has its published binaries
 * below "archives/releases/".
 */
export const ARCHIVES = `archives/${ID_PREFIXES.workspace}_`;

/** An archive as an object of its own in the OTA bucket: made once, on a device's request, for all that ask the same. */
export type StoredArchive = Stored &
  ArchiveContent & {
    readonly type: "archive";
    readonly workspaceId: string;
    /** Of the object; the path of its URL. */
    readonly key: string;
    /** Bytes. */
    readonly size: number;
    /** `requested` until the stream's reader has made an intent of it. */
    readonly status: "requested" | "creating" | "active" | "failed";
    /** Of the whole archive, hexadecimal; known once it was read through. */
    readonly sha256?: string;
    readonly crc32?: number;
  };

/** How long an archive and the item that tells of it are kept. A device that asks again gets it made again. */
export const KEPT_DAYS = 30;

/** Nothing larger is stored: one task reads an archive through, and CloudFront caches nothing above 50 GB. */
export const MAX_STORED_BYTES = 25_000_000_000;

/** An archive that was asked for and is not there after so long is asked for once more. */
const LOST_SECONDS = 3_600;
/** After a failure it is left alone for so long. */
const FAILED_SECONDS = 60;

/** Where the archive of this content is kept: equal content, equal key. */
export const storedAs = (
  workspaceId: string,
  content: ArchiveContent,
): { readonly id: string; readonly key: string } => {
  const identity = JSON.stringify([workspaceId, identityOf(content)]);
  const id = createHash("sha256").update(identity).digest("hex").slice(0, 40);
  return { id, key: `archives/${workspaceId}/${id}/package.tar.gz` };
};

/** Whether nobody is at work on it, so that it is to be asked for. @param found what the table has of it */
export const isIdle = (found: StoredArchive | undefined, now: Date): boolean => {
  if (found === undefined || found.status === "active") return true; // active, and yet the object is not there
  const seconds = (now.getTime() - Date.parse(found.updatedAt)) / 1_000;
  return seconds > (found.status === "failed" ? FAILED_SECONDS : LOST_SECONDS);
};

/** Asks for the archive: the table's stream does the rest. Of two who ask at once, one is refused with `conflict`. */
export const requestArchive = (
  workspaceId: string,
  content: ArchiveContent,
  found: StoredArchive | undefined,
  now: Date,
): Write => {
  const { id, key } = storedAs(workspaceId, content);
  const at = now.toISOString();
  const set = {
    type: "archive",
    id,
    workspaceId,
    key,
    size: lengthOf(archiveParts(content)),
    ...content,
    status: "requested",
    updatedAt: at,
    expiresAt: Math.floor(now.getTime() / 1_000) + KEPT_DAYS * 86_400,
  };
  return {
    do: "update",
    table: "ota",
    key: otaKeys.archive(workspaceId, id),
    set,
    setIfAbsent: { createdAt: at },
    add: { revision: 1 },
    when: found === undefined ? { pk: { exists: false } } : { revision: found.revision },
  };
};

/** An archive that was asked for becomes an intent, once however often the stream tells of it. */
export const acceptArchive = (
  { workspaceId, id, size, segments }: StoredArchive,
  moment: Moment,
): { readonly intent: StoredIntent; readonly writes: Write[] } => {
  const intent = requestIntent(
    {
      kind: "archive.create",
      workspaceId,
      subject: {
        type: "archive",
        id,
        name: `${segments.length} binaries, ${size} bytes`,
        href: `/v1/workspaces/${workspaceId}/releases`,
      },
      requestedBy: "anonymous device",
    },
    moment,
  );
  return {
    intent,
    writes: [
      {
        do: "update",
        table: "ota",
        key: otaKeys.archive(workspaceId, id),
        set: { status: "creating", updatedAt: moment.now.toISOString() },
        add: { revision: 1 },
        when: { status: "requested" },
      },
      { do: "create", item: { ...intent } },
    ],
  };
};

/** What reading the archive through has told of it. */
export const recordHashes = (
  archive: StoredArchive,
  hashes: { readonly sha256: string; readonly crc32: number },
): Write => ({
  do: "update",
  table: "ota",
  key: otaKeys.archive(archive.workspaceId, archive.id),
  set: hashes,
  when: { status: "creating" },
});

/** The object is there. */
export const finishArchive = (archive: StoredArchive, now: Date): Write => ({
  do: "update",
  table: "ota",
  key: otaKeys.archive(archive.workspaceId, archive.id),
  set: { status: "active", updatedAt: now.toISOString() },
  add: { revision: 1 },
  when: { status: { in: ["creating", "active"] } },
});

/** A part of a multipart upload: a stretch of an object that S3 copies by itself, or pieces to be gathered and sent. */
export type UploadPart =
  | { readonly kind: "copy"; readonly key: string; readonly first: number; readonly last: number }
  | { readonly kind: "send"; readonly slices: readonly ArchiveSlice[] };

/**
 * A part but the last has at least so many bytes.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
export const MIN_PART_BYTES = 5 * 1024 ** 2;
/** Far below the 5 GiB that S3 copies at once, so that several run side by side and none takes long. */
const COPY_BYTES = 512 * 1024 ** 2;

/**
 * The archive as parts of a multipart upload: segments of 5 MiB and more are copied within S3, and what is between them is
 * sent, with as much of the next segment as makes it 5 MiB. So no more than about 5 MiB of it is ever in memory.
 */
export const uploadParts = (parts: readonly ArchivePart[]): readonly UploadPart[] => {
  const planned: UploadPart[] = [];
  let gathered: ArchiveSlice[] = [];
  let size = 0;
  const flush = (): void => {
    if (size > 0) planned.push({ kind: "send", slices: gathered });
    gathered = [];
    size = 0;
  };
  const gather = (part: ArchivePart, first: number, last: number): void => {
    gathered.push(...slicesOf([part], { first, last }));
    size += last - first + 1;
  };
  for (const part of parts) {
    if (part.kind === "bytes") {
      gather(part, 0, part.bytes.length - 1);
      continue;
    }
    const { key, size: bytes } = part.segment;
    const taken = size === 0 ? 0 : Math.min(bytes, Math.max(0, MIN_PART_BYTES - size));
    if (taken > 0) gather(part, 0, taken - 1);
    if (size >= MIN_PART_BYTES) flush();
    const rest = bytes - taken;
    if (rest < MIN_PART_BYTES) {
      if (rest > 0) gather(part, taken, bytes - 1);
      continue;
    }
    const copies = Math.ceil(rest / COPY_BYTES);
    for (let index = 0; index < copies; index += 1) {
      const [from, to] = [index, index + 1].map((step) => taken + Math.floor((rest * step) / copies));
      planned.push({ kind: "copy", key, first: from as number, last: (to as number) - 1 });
    }
  }
  flush();
  return planned;
};
