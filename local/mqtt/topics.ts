import { MAX_SLASHES, MAX_TOPIC } from "./limits.ts";

const BASIC_INGEST = /^\$aws\/rules\/[^/]+\//;

/** Whether length and depth are within AWS's limits, which do not count the prefix of Basic Ingest. */
const isWithinLimits = (topic: string): boolean => {
  const counted = topic.replace(BASIC_INGEST, "");
  return Buffer.byteLength(counted) <= MAX_TOPIC && counted.split("/").length - 1 <= MAX_SLASHES;
};

/** Whether a client may publish to a topic of this form. */
export const isTopic = (text: string): boolean => text !== "" && !/[+#\0\uFFFD]/.test(text) && isWithinLimits(text);

/** `$share/{group}/{filter}`, or the filter alone. Undefined for a malformed share. */
export const parseFilter = (text: string): { readonly share?: string; readonly filter: string } | undefined => {
  if (!text.startsWith("$share/")) return { filter: text };
  const [, group = "", ...rest] = text.split("/");
  const filter = rest.join("/");
  return group === "" || filter === "" || /[+#]/.test(group) ? undefined : { share: group, filter };
};

/** Whether a client may subscribe to a filter of this form: `+` is a whole level, and `#` the whole last one. */
export const isFilter = (text: string): boolean => {
  const filter = parseFilter(text)?.filter;
  if (filter === undefined || filter === "" || /[\0\uFFFD]/.test(filter) || !isWithinLimits(filter)) return false;
  const levels = filter.split("/");
  return levels.every(
    (level, index) =>
      level === "+" || (level === "#" && index === levels.length - 1) || !(level.includes("+") || level.includes("#")),
  );
};

const hasWildcard = (filter: string): boolean => /[+#]/.test(filter);

interface Node<Entry> {
  readonly children: Map<string, Node<Entry>>;
  readonly entries: Set<Entry>;
}

const newNode = <Entry>(): Node<Entry> => ({ children: new Map(), entries: new Set() });

/**
 * Who subscribed to what. Filters without wildcards, which most are, cost a look into a map.
 *
 * As AWS IoT has it, `a/#` does not match `a` (https://docs.aws.amazon.com/iot/latest/developerguide/mqtt.html, differences
 * from the specification), and no wildcard stands for a first level that begins with `$`.
 */
export const newRoutes = <Entry extends object>() => {
  const exact = new Map<string, Set<Entry>>();
  const root = newNode<Entry>();

  const collect = (node: Node<Entry>, levels: readonly string[], depth: number, found: Set<Entry>): void => {
    const level = levels[depth];
    if (level === undefined) {
      for (const entry of node.entries) found.add(entry);
      return;
    }
    const next = node.children.get(level);
    if (next !== undefined) collect(next, levels, depth + 1, found);
    if (depth === 0 && level.startsWith("$")) return;
    const any = node.children.get("+");
    if (any !== undefined) collect(any, levels, depth + 1, found);
    for (const entry of node.children.get("#")?.entries ?? []) found.add(entry);
  };

  const remove = (node: Node<Entry>, levels: readonly string[], entry: Entry): void => {
    const [level, ...rest] = levels;
    if (level === undefined) {
      node.entries.delete(entry);
      return;
    }
    const child = node.children.get(level);
    if (child === undefined) return;
    remove(child, rest, entry);
    if (child.entries.size === 0 && child.children.size === 0) node.children.delete(level);
  };

  return {
    add: (filter: string, entry: Entry): void => {
      if (!hasWildcard(filter)) {
        const entries = exact.get(filter) ?? new Set();
        exact.set(filter, entries.add(entry));
        return;
      }
      let node = root;
      for (const level of filter.split("/")) {
        const child = node.children.get(level) ?? newNode<Entry>();
        node.children.set(level, child);
        node = child;
      }
      node.entries.add(entry);
    },
    remove: (filter: string, entry: Entry): void => {
      if (hasWildcard(filter)) {
        remove(root, filter.split("/"), entry);
        return;
      }
      const entries = exact.get(filter);
      entries?.delete(entry);
      if (entries?.size === 0) exact.delete(filter);
    },
    match: (topic: string): Set<Entry> => {
      const found = new Set(exact.get(topic));
      if (root.children.size > 0) collect(root, topic.split("/"), 0, found);
      return found;
    },
  };
};

export type Routes<Entry extends object> = ReturnType<typeof newRoutes<Entry>>;
