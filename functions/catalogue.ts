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
export const nextInCatalogue = async (writesFor: (number: number) => readonly Write[]): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    const catalogue = await getItem<{ number?: number }>(keys.catalogue());
    const number = (catalogue?.number ?? 0) + 1;
    try {
      return await transact([
        {
          do: "update",
          key: keys.catalogue(),
          set: { type: "catalogue", number },
          when: catalogue?.number === undefined ? { number: { exists: false } } : { number: catalogue.number },
          otherwise: { code: "busy", detail: "another version was published at the same time" },
        },
        ...writesFor(number),
      ]);
    } catch (error) {
      const isRace = error instanceof AppError && error.code === "busy";
      if (!isRace || tries >= MAX_TRIES) throw error;
    }
  }
};
