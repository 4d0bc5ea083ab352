import { getItem, transact } from "../shared/aws/table.ts";
import { keys } from "../shared/keys.ts";
import { AppError } from "../shared/problems.ts";
import type { Write } from "../shared/writes.ts";

const MAX_TRIES = 10;

/**
 * Writes with the next number of the catalogue, in one transaction: numbers are in the order of publication, without gaps,
 * and no version appears below a number that was seen before. Of two at once, one reads the number again.
 * @throws AppError `busy` when others kept being faster
 */
export const nextInCatalogue = (writesFor: (number: number) => readonly Write[]): Promise<void> =>
  withCatalogue(async (known) => {
    const number = (known ?? 0) + 1;
    return [
      { do: "update", key: keys.catalogue(), set: { type: "catalogue", number }, ...isStill(known) },
      ...writesFor(number),
    ];
  });

/**
 * Writes, in one transaction, unless a version was published since `decide` began to look: then it looks again.
 * @throws AppError `busy` when others kept being faster
 */
export const asCatalogueIs = (decide: () => Promise<readonly Write[]>): Promise<void> =>
  withCatalogue(async (known) => [{ do: "check", key: keys.catalogue(), ...isStill(known) }, ...(await decide())]);

const isStill = (number: number | undefined) => ({
  when: { number: number ?? ({ exists: false } as const) },
  otherwise: { code: "busy", detail: "another version was published at the same time" } as const,
});

const withCatalogue = async (writesFor: (number: number | undefined) => Promise<readonly Write[]>): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    const catalogue = await getItem<{ number?: number }>(keys.catalogue());
    const writes = await writesFor(catalogue?.number);
    try {
      return await transact(writes);
    } catch (error) {
      const isRace = error instanceof AppError && error.code === "busy";
      if (!isRace || tries >= MAX_TRIES) throw error;
    }
  }
};
