/**
 * A way from a dependency back to the component itself, from name to name; undefined when there is none. Takes as long as
 * there are dependencies.
 * @param known names of what components depend on, by name
 */
export const cycleThrough = (
  name: string,
  dependency: string,
  known: ReadonlyMap<string, readonly string[]>,
): string[] | undefined => {
  const reachedFrom = new Map<string, string>([[dependency, name]]);
  const waiting = [dependency];
  for (let at = waiting.shift(); at !== undefined; at = waiting.shift()) {
    for (const next of known.get(at) ?? []) {
      if (next === name) return wayTo(at, name, reachedFrom);
      if (reachedFrom.has(next)) continue;
      reachedFrom.set(next, at);
      waiting.push(next);
    }
  }
  return undefined;
};

const wayTo = (last: string, name: string, reachedFrom: ReadonlyMap<string, string>): string[] => {
  const way = [name];
  for (let at: string | undefined = last; at !== undefined && at !== name; at = reachedFrom.get(at)) way.unshift(at);
  return [name, ...way];
};
