import * as z from "zod";
import type { Moment } from "../ids.ts";
import { JsonObject } from "../json.ts";
import { otaKeys } from "../keys.ts";
import type { Write } from "../writes.ts";

/** One line of a release's history. */
export const ReleaseChange = z
  .object({
    at: z.iso.datetime(),
    action: z.enum(["created", "published", "changed", "paused", "resumed", "withdrawn", "superseded", "promoted"]),
    by: z.string().meta({ description: "The caller's subject, or what did it by itself" }),
    reason: z.string().optional(),
    changes: JsonObject.optional().meta({ description: "What became otherwise, and how it is since" }),
  })
  .meta({ id: "ReleaseChange" });
export type ReleaseChange = z.infer<typeof ReleaseChange>;

/** Goes with the writes that it tells of, in one transaction. */
export const recordChange = (releaseId: string, change: Omit<ReleaseChange, "at">, moment: Moment): Write => {
  const at = moment.now.toISOString();
  return {
    do: "create",
    table: "ota",
    item: {
      ...otaKeys.releaseChange(releaseId, `${at}#${moment.randomText(8)}`),
      type: "release-change",
      at,
      ...change,
    },
  };
};
