import { createHash } from "node:crypto";
import { type ArchiveContent, type ArchivePart, archiveParts, identityOf, lengthOf } from "./archive-parts.ts";
import type { EntityTags } from "./entity-tags.ts";
import type { CurrentRelease, PayloadType, Selected } from "./select.ts";
import { architecturesOf } from "./statements.ts";

/** What a device is answered. ETags are strong and quoted. */
export type PackageAnswer =
  | { readonly kind: "not-found" }
  | ((
      | NotModified
      | { readonly kind: "metadata"; readonly body: Uint8Array }
      | {
          readonly kind: "archive";
          readonly contentLength: number;
          readonly content: ArchiveContent;
          readonly parts: readonly ArchivePart[];
        }
    ) & {
      readonly etag: string;
      /** Whether it leaves out what this device has: another device must not be given it. */
      readonly isPersonal: boolean;
    });

interface NotModified {
  readonly kind: "not-modified";
  /**
   * `answer`: the client already holds this very answer, by the answer's own ETag (a plain 304 is right everywhere).
   * `binaries`: it has every binary, or said `*`. Behind a cache that revalidates with its own ETag, a 304 would call the
   * cache's stale body fresh: answer such a request with a marked 200, which the edge turns into a 304.
   */
  readonly because: "answer" | "binaries";
}

export interface PackageRequest {
  readonly payloadType: PayloadType;
  /** From `select`. */
  readonly selection: readonly Selected[];
  /** What the device says of itself has decided over the selection. */
  readonly isSelectionPersonal?: boolean;
  /** From `x-ota-have` or `If-None-Match`. */
  readonly have: EntityTags;
  /** The URL from which a device can fetch this release's file alone. Must be the same at each call. */
  readonly urlOf: (release: CurrentRelease) => string;
}

/**
 * The path at which the distribution has the object of this key. S3 decodes a path before it looks for a key, and takes
 * `+` for a space; a key may have both `%` and `+`, from the version of a release.
 */
export const pathOf = (key: string): string => key.split("/").map(encodeURIComponent).join("/");

/** Part of every ETag: raise it when the same input gives other bytes than before. */
const FORMAT = 1;

const strongTag = (kind: string, content: string): string =>
  `"${kind}${FORMAT}-${createHash("sha256").update(content).digest("hex").slice(0, 40)}"`;

const opaque = (etag: string): string => etag.slice(1, -1);

/** A release's signature, with what it is over and the device may not know. */
const signatureOf = (release: CurrentRelease) => {
  const { environment, signature, keyId } = release;
  return signature === undefined ? {} : { environment, cpuArch: architecturesOf(release), signature, keyId };
};

/**
 * The metadata document, `{ "<app>": { latestVersion, url, status_code, sha256, md5, size, … } }`, in order of the selection:
 * with what a release's signature is over, and the signature.
 * The outer object is written by hand: an object of JavaScript would put apps with names like numbers first.
 */
const detailsOf = (request: PackageRequest, isHeld: (release: Selected) => boolean): string => {
  const entries = request.selection.map((release) => {
    const entry = {
      latestVersion: release.version,
      url: request.urlOf(release),
      status_code: isHeld(release) ? 304 : 200,
      sha256: release.sha256,
      md5: release.md5,
      size: release.size,
      ...signatureOf(release),
    };
    return `  ${JSON.stringify(release.app)}: ${JSON.stringify(entry)}`;
  });
  return `{\n${entries.join(",\n")}\n}\n`;
};

/**
 * Decides the answer to a device, as data. An archive is not read: its length and ETag follow from the identities of its
 * segments, so that the same question always gets the same bytes under the same ETag, and Range and resume are safe.
 *
 * ETags of answers contain a `-`, so that no answer's ETag can be taken for the hash of a binary.
 */
export const answerPackage = (request: PackageRequest): PackageAnswer => {
  const { selection, have, payloadType, isSelectionPersonal = false } = request;
  if (selection.length === 0) return { kind: "not-found" };
  const hashes = new Set(have.tags);
  const isHeld = (release: Selected) =>
    release.isKept === true || hashes.has(release.sha256.toLowerCase()) || hashes.has(release.md5.toLowerCase());
  const details = detailsOf(request, isHeld);
  const needed = selection.filter((release) => !isHeld(release)).map((release) => release.segment);

  const content: ArchiveContent = { details, segments: needed };
  const etag =
    payloadType === "metadataOnly" ? strongTag("m", details) : strongTag("a", JSON.stringify(identityOf(content)));
  const isPersonal = have.any || isSelectionPersonal || needed.length < selection.length;
  const tagged = { etag, isPersonal };
  if (have.others.includes(opaque(etag))) return { kind: "not-modified", because: "answer", ...tagged };
  if (have.any || needed.length === 0) return { kind: "not-modified", because: "binaries", ...tagged };
  if (payloadType === "metadataOnly") return { kind: "metadata", ...tagged, body: new TextEncoder().encode(details) };
  const parts = archiveParts(content);
  return { kind: "archive", ...tagged, contentLength: lengthOf(parts), content, parts };
};
