/** A version as what is compared of it: numbers and words of the release, and of what comes before it. */
interface Parts {
  readonly core: readonly string[];
  readonly pre: readonly string[] | undefined;
}

const NUMBER = /^\d+$/;

const partsOf = (version: string): Parts => {
  const plain = version.toLowerCase().replace(/\+.*$/s, "");
  const dash = plain.indexOf("-");
  const split = (text: string) => text.split(/[._-]/);
  return dash < 0
    ? { core: split(plain), pre: undefined }
    : { core: split(plain.slice(0, dash)), pre: split(plain.slice(dash + 1)) };
};

/** Numbers by their value, however long; words by their code units; a number before a word. */
const comparePart = (a: string, b: string): number => {
  if (NUMBER.test(a) !== NUMBER.test(b)) return NUMBER.test(a) ? -1 : 1;
  const [left, right] = NUMBER.test(a) ? [a, b].map((text) => text.replace(/^0+(?=.)/, "")) : [a, b];
  if (NUMBER.test(a) && left?.length !== right?.length) return (left?.length ?? 0) - (right?.length ?? 0);
  return (left ?? "") < (right ?? "") ? -1 : left === right ? 0 : 1;
};

/** @param filler stands for a part that only the other one has; undefined: fewer parts come first */
const compareParts = (a: readonly string[], b: readonly string[], filler?: string): number => {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const [left, right] = [a[index] ?? filler, b[index] ?? filler];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const order = comparePart(left, right);
    if (order !== 0) return order;
  }
  return 0;
};

/**
 * The order of an app's versions: below 0 when `a` is the older. Semantic Versioning's precedence
 * (https://semver.org/#spec-item-11) for versions of any number of parts: `1.0` equals `1.0.0`, `1.10` is newer than `1.9`,
 * `2.0-rc.1` comes before `2.0`, `+build` says nothing, `_` is as good as `.`, and case does not matter. Every text has its
 * place, so that versions that are words, such as commits, are ordered too, if only by their letters.
 */
export const compareVersions = (a: string, b: string): number => {
  const [left, right] = [partsOf(a), partsOf(b)];
  const core = compareParts(left.core, right.core, "0");
  if (core !== 0) return core;
  if (left.pre === undefined || right.pre === undefined)
    return Number(left.pre === undefined) - Number(right.pre === undefined);
  return compareParts(left.pre, right.pre);
};
