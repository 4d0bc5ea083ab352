import * as z from "zod";
import { keys } from "../keys.ts";
import type { Finding } from "../problems.ts";
import type { Key, Test, Write } from "../writes.ts";
import { foldPath } from "./path.ts";
import { bytesOf } from "./recipe.ts";
import { copyingOf, type StoredVersion } from "./version.ts";

/**
 * The sum of a component version's artifacts that Greengrass takes, and so the most that one file can have.
 * https://docs.aws.amazon.com/general/latest/gr/greengrassv2.html
 */
export const MAX_FILE_BYTES = 2 * 1024 ** 3;
/** Files of a version, and of a manifest: what one step of a workflow can list and one request compare. */
export const MAX_FILES = 5_000;
/** Up to here a file is sent by one request, whose bytes S3 itself checks; above, in parts that can be taken up again. */
export const SINGLE_UPLOAD_BYTES = 64 * 1024 ** 2;
/** S3 takes parts from 5 MiB, and 10,000 of them. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const PART_BYTES = 16 * 1024 ** 2;
/** S3 takes up to 5 GB in one request. */
export const MAX_SINGLE_PART_BYTES = 5 * 1024 ** 3;

/**
 * A path below `src/` or `dist/`, in Unicode's form C: no empty, `.` or `..` segment, no backslash, no control character.
 * File systems take 255 bytes of a name.
 */
export const ArtifactPath = z
  .string()
  .overwrite((path) => path.normalize("NFC"))
  .max(512)
  .regex(/^(?:src|dist)\/[^\\\p{Cc}]+$/u, "must start with src/ or dist/ and hold no backslash or control character")
  .refine(
    (path) => path.split("/").every((segment) => segment !== "" && segment !== "." && segment !== ".."),
    "must not hold an empty, '.' or '..' segment",
  )
  .refine((path) => path.isWellFormed(), "must be well-formed Unicode")
  .refine((path) => path.split("/").every((segment) => bytesOf(segment) <= 255), "must have names of at most 255 bytes")
  // S3 bounds keys in bytes: 1,024 with the component's name and the version before the path. So does DynamoDB.
  .refine((path) => bytesOf(path) <= 768 && bytesOf(foldPath(path)) <= 1_024, "must have at most 768 bytes in UTF-8");

export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits, lower case")
  .meta({ description: "SHA-256 of the file, hexadecimal" });

export const CreateFile = z
  .strictObject({ path: ArtifactPath, size: z.int().min(0).max(MAX_FILE_BYTES), sha256: Sha256 })
  .meta({ id: "CreateFile" });
export type CreateFile = z.infer<typeof CreateFile>;

export const Upload = z
  .object({
    method: z.literal("PUT"),
    url: z.url(),
    headers: z.record(z.string(), z.string()).meta({ description: "Headers that the upload must carry" }),
    expiresAt: z.iso.datetime(),
  })
  .meta({ id: "Upload", description: "Where to send the file's bytes" });

export const ComponentFile = z
  .object({ path: z.string(), size: z.int(), sha256: Sha256, createdAt: z.iso.datetime() })
  .meta({ id: "ComponentFile" });

const Sending = {
  upload: Upload.optional().meta({ description: "Where to send the bytes, of a file of up to 64 MiB" }),
  uploadHref: z.string().optional().meta({ description: "Where to ask for the URLs of a larger file's parts" }),
};

export const CreatedFile = ComponentFile.extend(Sending).meta({
  id: "CreatedFile",
  description: "Without `upload` and `uploadHref`, the very bytes are there already",
});

export const FoundFile = ComponentFile.extend({
  uploaded: z.boolean(),
  download: z
    .object({ url: z.url(), expiresAt: z.iso.datetime() })
    .optional()
    .meta({ description: "Where the bytes are, once they were uploaded" }),
}).meta({ id: "FoundFile" });

export const UploadPart = z
  .object({
    part: z.int().min(1),
    size: z.int().min(1),
    received: z.boolean(),
    upload: Upload.optional().meta({
      description: "Where to send the part; absent once it was received, and for who may only read",
    }),
  })
  .meta({ id: "UploadPart" });

export const Manifest = z
  .strictObject({
    files: z.array(CreateFile).max(MAX_FILES),
    prune: z.boolean().default(false).meta({ description: "Remove files that are not in the manifest" }),
    // As in a query: a write has none.
    cursor: z.string().min(1).max(3_072).optional().meta({
      description: "`nextCursor` of the answer before, to which all else was the same",
    }),
  })
  .meta({ id: "Manifest", description: "The files that a draft is to have" });
export type Manifest = z.infer<typeof Manifest>;

export const ManifestAnswer = z
  .object({
    items: z
      .array(z.object({ path: z.string(), status: z.enum(["skipped", "upload"]), ...Sending }))
      .meta({ description: "Files of the manifest, in its order" }),
    extra: z
      .array(z.string())
      .meta({ description: "Files that are not in the manifest; gone if `prune` was asked for" }),
    nextCursor: z.string().optional().meta({
      description:
        "Send what is asked for here, then the same manifest with this as `cursor`. Absent once all of it was looked at",
    }),
  })
  .meta({ id: "ManifestAnswer" });

export type StoredFile = z.infer<typeof ComponentFile> & {
  readonly pk: string;
  readonly sk: string;
  readonly type: "file";
  /** The multipart upload under way, as S3 calls it. */
  readonly uploadId?: string;
  /** Until when (ms) the request that removes former bytes may be at it: see {@link CLEARING_MS}. */
  readonly clearing?: number;
  /** The ETag of the bytes that were hashed and are as declared. */
  readonly verified?: string;
  /** The ETag of bytes that were hashed and are not. */
  readonly rejected?: string;
  /** The ETag of an archive whose data was found to be as its directory says. */
  readonly inspected?: string;
  /** Slipway's own package of the sources, and what it was made of. */
  readonly packagedFrom?: string;
};

/**
 * How long a request may be at removing former bytes: longer than an API function can live. While it may, nobody else changes
 * the file and no version is published, so that no late removal hits what was published.
 */
export const CLEARING_MS = 30_000;

/** Only a draft or failed version's files change. */
export const versionTakesFiles = (version: StoredVersion): Write => ({
  do: "check",
  key: keys.version(version.componentId, version.id),
  when: { status: { in: ["draft", "failed"] }, copying: { exists: false } },
  otherwise: copyingOf(version) ?? {
    code: "version-immutable",
    detail: `the files of ${version.component} ${version.version} can no longer be changed`,
  },
});

const at = ({ pk, sk }: StoredFile): Key => ({ pk, sk });

/** A file of a version that is like another one: one of another version, whose bytes are copied, or one that was found. */
export const likeFile = (versionId: string, { path, size, sha256 }: CreateFile, now: Date): StoredFile => ({
  ...keys.file(versionId, path),
  type: "file",
  path,
  size,
  sha256,
  createdAt: now.toISOString(),
});

/** Nobody has changed the file's declaration since it was read. */
const unchanged = (former: StoredFile | undefined): Readonly<Record<string, Test>> =>
  former === undefined
    ? { path: { exists: false } }
    : { path: former.path, sha256: former.sha256, clearing: former.clearing ?? { exists: false } };

const CHANGED = { code: "conflict", detail: "the file was changed at the same time: try again" } as const;

export interface Declaration {
  readonly uploadId?: string | undefined;
  /** Whether former bytes are about to be removed. */
  readonly clears: boolean;
}

/** A file as it will be, in place of what was declared before. */
export const declareFile = (
  version: StoredVersion,
  former: StoredFile | undefined,
  input: CreateFile,
  { uploadId, clears }: Declaration,
  now: Date,
): { file: StoredFile; write: Write } => {
  const file: StoredFile = {
    ...keys.file(version.id, input.path),
    type: "file",
    path: input.path,
    size: input.size,
    sha256: input.sha256,
    createdAt: now.toISOString(),
    ...(uploadId !== undefined && { uploadId }),
    ...(clears && { clearing: now.getTime() + CLEARING_MS }),
  };
  return { file, write: { do: "put", item: { ...file }, when: unchanged(former), otherwise: CHANGED } };
};

/** A file that is where none was declared, while it is being removed: as if it had been declared, and were being changed. */
export const holdPlace = (versionId: string, found: CreateFile, now: Date): { claimed: StoredFile; write: Write } => {
  const claimed: StoredFile = { ...likeFile(versionId, found, now), clearing: now.getTime() + CLEARING_MS };
  return { claimed, write: { do: "put", item: { ...claimed }, when: unchanged(undefined), otherwise: CHANGED } };
};

/** The file keeps its place, and is nobody else's to change, while its bytes are being removed. */
export const claimFile = (file: StoredFile, now: Date): { claimed: StoredFile; write: Write } => {
  const claimed = { ...file, clearing: now.getTime() + CLEARING_MS };
  const write: Write = {
    do: "update",
    key: at(file),
    set: { clearing: claimed.clearing },
    when: unchanged(file),
    otherwise: CHANGED,
  };
  return { claimed, write };
};

/** After the removal: the file is free again, or gone. */
export const freeFile = (file: StoredFile): Write => ({
  do: "update",
  key: at(file),
  remove: ["clearing"],
  when: unchanged(file),
  otherwise: CHANGED,
});
export const forgetFile = (file: StoredFile): Write => ({
  do: "delete",
  key: at(file),
  when: unchanged(file),
  otherwise: CHANGED,
});

/** Whether someone may still be at removing the file's bytes. */
export const isClearing = ({ clearing = 0 }: StoredFile, now: Date): boolean => clearing > now.getTime();

/** What S3 holds where the file belongs. */
export interface HeldObject {
  readonly size: number;
  /** Hexadecimal; unknown of what came in parts. */
  readonly sha256?: string | undefined;
  readonly etag: string;
}

/** Whether the bytes that are there are, as far as is known, those that are declared now: they need not be sent again. */
export const isThere = (former: StoredFile | undefined, held: HeldObject | undefined, input: CreateFile): boolean => {
  if (held === undefined || held.size !== input.size) return false;
  if (held.sha256 !== undefined) return held.sha256 === input.sha256;
  if (former?.path !== input.path || former.sha256 !== input.sha256) return false;
  // S3 knows the hash of all that came by our URLs in one piece: what it does not know came by another way.
  if (input.size <= SINGLE_UPLOAD_BYTES && former.packagedFrom === undefined) return false;
  // Who sent the parts declared this hash; whether they have it, the publication finds out.
  return former.rejected !== held.etag;
};

/** The parts of a file that is sent in several, by number from 1, with their sizes. */
export const partsOf = (size: number): { part: number; size: number }[] =>
  Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, index) => ({
    part: index + 1,
    size: Math.min(PART_BYTES, size - index * PART_BYTES),
  }));

/** `1, 3-5`: numbers in ascending order, for people. */
export const ranges = (numbers: readonly number[]): string => {
  const found: [first: number, last: number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(", ");
};

/** Two paths that cannot both be: they differ in letter case alone, or one is a file where the other has a folder. */
export interface Clash {
  readonly index: number;
  readonly rule: "repeated" | "path-clash";
  readonly detail: string;
}

/** What of these paths cannot be beside one another in one folder, on any file system. */
export const clashesOf = (paths: readonly string[]): Clash[] => {
  const files = new Map<string, string>();
  const folders = new Map<string, string>();
  const clashes: Clash[] = [];
  for (const [index, path] of paths.entries()) {
    const folded = foldPath(path);
    const same = files.get(folded);
    const within = folders.get(folded);
    const parents = [...path.matchAll(/\//g)].map(({ index: at }) => path.slice(0, at)).slice(1);
    const inFile = parents.find((parent) => files.has(foldPath(parent)));
    const odd = parents.find((parent) => (folders.get(foldPath(parent)) ?? parent) !== parent);
    const clash = (rule: Clash["rule"], detail: string) => clashes.push({ index, rule, detail });
    if (same === path) clash("repeated", `${path} is there twice`);
    else if (same !== undefined) clash("path-clash", `${path} and ${same} differ in letter case alone`);
    else if (within !== undefined) clash("path-clash", `${path} is a file, and a folder of others`);
    else if (inFile !== undefined) clash("path-clash", `${path} is in a folder that is a file`);
    else if (odd !== undefined) {
      clash("path-clash", `the folders ${odd} and ${folders.get(foldPath(odd))} differ in letter case alone`);
    }
    files.set(folded, path);
    for (const parent of parents) if (!folders.has(foldPath(parent))) folders.set(foldPath(parent), parent);
  }
  return clashes;
};

/** The clashes of a manifest as findings, each where it is. */
export const findingsOf = (manifest: Manifest): Finding[] =>
  clashesOf(manifest.files.map(({ path }) => path)).map(({ index, rule, detail }) => ({
    pointer: `/files/${index}/path`,
    rule,
    detail,
  }));

/** The files that have no place in a manifest. */
export const extraFiles = (manifest: Manifest, files: readonly StoredFile[]): StoredFile[] => {
  const wanted = new Set(manifest.files.map(({ path }) => path));
  return files.filter(({ path }) => !wanted.has(path));
};
