import { invalid, notFound } from "./errors.ts";
import type { Greengrass, GreengrassHandlers } from "./state.ts";

export const TAGS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
  ) STRICT, WITHOUT ROWID;
`;

/** https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html */
const MAX_TAGS = 50;

/** Adds the tags or replaces their values; call it in a transaction. */
export const writeTags = (greengrass: Greengrass, arn: string, tags: Record<string, string> | undefined): void => {
  for (const [key, value] of Object.entries(tags ?? {}))
    greengrass.store.run("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", arn, key, value);
};

export const tagsOf = (greengrass: Greengrass, arn: string): Record<string, string> => {
  const sql = "SELECT key, value FROM tags WHERE arn = ? ORDER BY key";
  const rows = greengrass.store.all<{ key: string; value: string }>(sql, arn);
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
};

/** @throws ValidationException (400) with more tags than a resource can have. */
export const limitTags = (tags: Record<string, string> | undefined): void => {
  if (Object.keys(tags ?? {}).length > MAX_TAGS) throw invalid(`A resource can have at most ${MAX_TAGS} tags`);
};

/** Forgets the tags of a resource that is deleted. */
export const dropTags = (greengrass: Greengrass, arn: string): void => {
  greengrass.store.run("DELETE FROM tags WHERE arn = ?", arn);
};

/**
 * @throws ResourceNotFoundException (404) unless the ARN is of a component version, a deployment or a core device that
 * exists.
 */
const requireResource = (greengrass: Greengrass, arn: string): void => {
  const found = [
    [greengrass.arn("deployments:"), "SELECT 1 AS found FROM deployments WHERE id = ?"] as const,
    [greengrass.arn("coreDevices:"), "SELECT 1 AS found FROM core_devices WHERE name = ?"] as const,
    ["", "SELECT 1 AS found FROM component_versions WHERE arn = ?"] as const,
  ].some(
    ([prefix, sql]) => arn.startsWith(prefix) && greengrass.store.get(sql, arn.slice(prefix.length)) !== undefined,
  );
  if (!found) throw notFound(`The resource ${arn} does not exist`, arn, "RESOURCE");
};

export const tagHandlers: GreengrassHandlers = {
  /** https://docs.aws.amazon.com/greengrass/v2/developerguide/tag-resources.html */
  TagResource: (input, greengrass) => {
    requireResource(greengrass, input.resourceArn);
    greengrass.store.transact(() => {
      writeTags(greengrass, input.resourceArn, input.tags);
      limitTags(tagsOf(greengrass, input.resourceArn));
    });
    return {};
  },

  UntagResource: (input, greengrass) => {
    requireResource(greengrass, input.resourceArn);
    greengrass.store.transact(() => {
      for (const key of input.tagKeys)
        greengrass.store.run("DELETE FROM tags WHERE arn = ? AND key = ?", input.resourceArn, key);
    });
    return {};
  },

  ListTagsForResource: (input, greengrass) => {
    requireResource(greengrass, input.resourceArn);
    return { tags: tagsOf(greengrass, input.resourceArn) };
  },
};
