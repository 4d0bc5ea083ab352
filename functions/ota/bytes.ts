import { readObject } from "../../shared/aws/objects.ts";
import { env } from "../../shared/env.ts";
import type { ArchiveSlice } from "../../shared/ota/archive-parts.ts";

/** The bytes of these pieces one after the other, as whoever reads them takes them: never a piece ahead. */
export async function* bytesOf(slices: readonly ArchiveSlice[]): AsyncGenerator<Uint8Array> {
  for (const slice of slices) {
    if (slice.kind === "bytes") yield slice.bytes;
    else yield* await readObject(env("OTA_BUCKET"), slice.key, slice.range);
  }
}
