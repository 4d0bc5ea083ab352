import { afterToken, cut } from "../aws-json/paging.ts";
import { exists, isTaggable, parseArn } from "./arns.ts";
import { invalidRequest, invalidToken, limitExceeded, notFound } from "./errors.ts";
import { DEFAULT_PAGE, type Iot, type IotHandlers } from "./state.ts";

export const TAGS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS tags (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
  ) STRICT, WITHOUT ROWID;
`;

interface Tag {
  readonly Key: string | undefined;
  readonly Value?: string | undefined;
}

const MAX_TAGS = 50;

/** Writes tags within a transaction. */
export const writeTags = (iot: Iot, arn: string, tags: readonly Tag[]): void => {
  for (const tag of tags)
    iot.store.run("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", arn, tag.Key ?? "", tag.Value ?? "");
};

/** Forgets the tags of a resource that is deleted. */
export const dropTags = (iot: Iot, arn: string): void => {
  iot.store.run("DELETE FROM tags WHERE arn = ?", arn);
};

/** @throws InvalidRequestException (400) with more tags than a resource can have: a creation has no limit error. */
export const limitTags = (tags: readonly Tag[] | undefined): void => {
  const keys = new Set((tags ?? []).map((tag) => tag.Key));
  if (keys.size > MAX_TAGS) throw invalidRequest(`A resource can have at most ${MAX_TAGS} tags`);
};

/**
 * Makes a resource and its tags in one transaction; `insert` makes the resource.
 *
 * @throws InvalidRequestException (400) with more tags than a resource can have: a creation has no limit error.
 */
export const createTagged = (iot: Iot, arn: string, tags: readonly Tag[] | undefined, insert: () => void): void => {
  limitTags(tags);
  iot.store.transact(() => {
    insert();
    writeTags(iot, arn, tags ?? []);
  });
};

const requireTaggable = (iot: Iot, arn: string): void => {
  const parsed = parseArn(iot, arn);
  if (parsed === undefined || !isTaggable(parsed.kind)) throw invalidRequest(`${arn} is not a resource that has tags`);
  if (!exists(iot, parsed.kind, parsed.name)) throw notFound(`${arn} does not exist`);
};

export const tagHandlers: IotHandlers = {
  /** https://docs.aws.amazon.com/iot/latest/apireference/API_TagResource.html */
  TagResource: (input, iot) => {
    requireTaggable(iot, input.resourceArn);
    iot.store.transact(() => {
      writeTags(iot, input.resourceArn, input.tags);
      const sql = "SELECT count(*) AS count FROM tags WHERE arn = ?";
      const count = iot.store.get<{ count: number }>(sql, input.resourceArn)?.count ?? 0;
      if (count > MAX_TAGS) throw limitExceeded(`A resource can have at most ${MAX_TAGS} tags`);
    });
    return {};
  },

  UntagResource: (input, iot) => {
    requireTaggable(iot, input.resourceArn);
    iot.store.transact(() => {
      for (const key of input.tagKeys)
        iot.store.run("DELETE FROM tags WHERE arn = ? AND key = ?", input.resourceArn, key);
    });
    return {};
  },

  ListTagsForResource: (input, iot) => {
    requireTaggable(iot, input.resourceArn);
    const [after = ""] = afterToken(input.nextToken, invalidToken) ?? [];
    const rows = iot.store.all<{ Key: string; Value: string }>(
      "SELECT key AS Key, value AS Value FROM tags WHERE arn = ? AND key > ? ORDER BY key LIMIT ?",
      input.resourceArn,
      after,
      DEFAULT_PAGE + 1,
    );
    const page = cut(rows, DEFAULT_PAGE, (row) => [row.Key]);
    return { tags: page.items, nextToken: page.next };
  },
};
