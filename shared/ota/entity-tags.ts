/** What `If-None-Match` says, without the accidents of its spelling. */
export interface EntityTags {
  /** `*`: the client has something, whatever it is. */
  readonly any: boolean;
  /** MD5 and SHA-256 hashes of binaries: lower-case hex, sorted, each once. */
  readonly tags: readonly string[];
  /** All other tags as they came, without quotes and `W/`, sorted, each once: an answer's own ETag is among these. */
  readonly others: readonly string[];
}

const HASH = /^(?:[0-9a-f]{32}|[0-9a-f]{64})$/;
const BARE_STAR = /(?:^|[\s,])\*(?:$|[\s,])/;

/**
 * Reads `If-None-Match` (RFC 9110 §13.1.2, entity tags §8.8.3), or the edge's `x-ota-have`. Comparison is weak, as there,
 * so that `W/` says nothing. Devices send more than the grammar allows, and all of it is understood: bare hashes, capitals,
 * any spacing, empty elements, several hashes inside one pair of quotes, an unclosed quote, `*` among other tags. Repeated
 * lines are one list (RFC 9110 §5.3): join them with commas. Never throws; what makes no sense is one of `others`.
 */
export const parseEntityTags = (header: string | undefined): EntityTags => {
  const tags = new Set<string>();
  const others = new Set<string>();
  // No tag that matters here contains a comma, a space or a quote, so that all three simply end a tag.
  for (const element of (header ?? "").split(/[\s,"]+/)) {
    const tag = element.replace(/^W\//i, "");
    if (HASH.test(tag.toLowerCase())) tags.add(tag.toLowerCase());
    else if (tag !== "" && tag !== "*") others.add(tag);
  }
  return { any: BARE_STAR.test(header ?? ""), tags: [...tags].sort(), others: [...others].sort() };
};
