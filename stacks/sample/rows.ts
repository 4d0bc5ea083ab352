import { unmarshall } from "@aws-sdk/util-dynamodb";
import * as z from "zod";
import { CreateRelease } from "../../shared/ota/release.ts";

/** A row of the table `AppVersionsTable` of Amazon's sample "CloudFront dynamic OTA", as its `init.py` writes them. */
const Row = z.object({
  app: CreateRelease.shape.app,
  env: CreateRelease.shape.environment,
  version: CreateRelease.shape.version,
  /** Attributes of devices; the sample compares each with `true`. */
  deviceAttr: z.record(z.string(), z.boolean()).default({}),
  url: z.string().regex(/^s3:\/\/[^/]+\/.+$/, "must be s3://bucket/key: the sample serves nothing else"),
  md5: z.string().regex(/^[0-9a-fA-F]{32}$/),
});

/** What a row becomes. */
export interface SampleRelease {
  readonly app: string;
  readonly environment: string;
  readonly version: string;
  readonly attributes: readonly string[];
  readonly bucket: string;
  readonly key: string;
  /** Lower case. */
  readonly md5: string;
}

const isTyped = (item: unknown): boolean =>
  typeof item === "object" &&
  item !== null &&
  Object.values(item).every((value) => typeof value === "object" && value !== null);

/**
 * The rows of a table, from JSON: a list of plain rows, or what `aws dynamodb scan` writes. `cpuArch` and `ident` of a row
 * are left out: the sample stores them and never reads them.
 * @throws Error that names each row that cannot be imported, and why
 */
export const readRows = (text: string): readonly SampleRelease[] => {
  const parsed: unknown = JSON.parse(text);
  const items = Array.isArray(parsed) ? parsed : (parsed as { Items?: unknown[] }).Items;
  if (!Array.isArray(items)) throw new Error("the file has neither a list of rows nor Items");
  const faults: string[] = [];
  const rows = items.flatMap((item, index): SampleRelease[] => {
    const row = Row.safeParse(isTyped(item) ? unmarshall(item) : item);
    if (!row.success) {
      faults.push(`row ${index + 1}: ${z.prettifyError(row.error)}`);
      return [];
    }
    const { app, env: environment, version, deviceAttr, url, md5 } = row.data;
    const [, bucket = "", key = ""] = /^s3:\/\/([^/]+)\/(.+)$/.exec(url) ?? [];
    const attributes = Object.keys(deviceAttr).filter((name) => deviceAttr[name]);
    return [{ app, environment, version, attributes, bucket, key, md5: md5.toLowerCase() }];
  });
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return rows;
};
