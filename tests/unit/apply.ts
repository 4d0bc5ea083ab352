import type { Item, Test, Write } from "../../shared/writes.ts";

const holds = (value: unknown, test: Test): boolean => {
  if (typeof test !== "object") return value === test;
  if ("exists" in test) return (value !== undefined) === test.exists;
  if (value === undefined) return false;
  if ("in" in test) return test.in.some((one) => one === value);
  if ("above" in test) return typeof value === typeof test.above && (value as number | string) > test.above;
  return typeof value === typeof test.below && (value as number | string) < test.below;
};

/** What DynamoDB makes of an item by one write; undefined where there is none. Throws "refused" where a condition fails. */
export const applied = (item: Item | undefined, write: Write): Item | undefined => {
  const meets = (when: Readonly<Record<string, Test>> = {}) =>
    Object.entries(when).every(([name, test]) => holds(item?.[name], test));
  const refuseUnless = (condition: boolean) => {
    if (!condition) throw new Error("refused");
  };
  switch (write.do) {
    case "create":
      refuseUnless(item === undefined);
      return write.item;
    case "put":
      refuseUnless(meets(write.when));
      return write.item;
    case "check":
      refuseUnless(meets(write.when));
      return item;
    case "delete":
      refuseUnless(meets(write.when));
      return undefined;
    case "update": {
      refuseUnless(meets(write.when));
      const next: Record<string, unknown> = { ...write.setIfAbsent, ...item, ...write.set };
      for (const [name, amount] of Object.entries(write.add ?? {})) next[name] = Number(next[name] ?? 0) + amount;
      for (const name of write.remove ?? []) delete next[name];
      return { ...next, ...write.key };
    }
  }
};
