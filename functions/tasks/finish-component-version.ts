import { getItem } from "../../shared/aws/table.ts";
import { factsOf } from "../../shared/component/facts.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { succeed } from "./activate.ts";
import { desiredVersion } from "./desired.ts";
import { type TaskInput, task } from "./task.ts";

const MAX_TRIES = 10;

/**
 * The next catalogue number and the publication in one transaction: numbers are in the order of publication, without
 * gaps, and no version appears below a number that was seen before. Of two at once, one reads the number again.
 */
export const handler = task("finish-component-version", async (input) => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await publish(input);
    } catch (error) {
      const isRace = error instanceof AppError && error.code === "busy";
      if (!isRace || tries >= MAX_TRIES) throw error;
    }
  }
});

const publish = async (input: TaskInput): Promise<void> => {
  const version = await desiredVersion(input);
  const catalogue = await getItem<{ number?: number }>(keys.catalogue());
  const number = (catalogue?.number ?? 0) + 1;
  const now = new Date();
  const { dependencies, runtimes } = factsOf(version, number);
  await succeed(
    input,
    [
      {
        do: "update",
        key: keys.catalogue(),
        set: { type: "catalogue", number },
        when: catalogue?.number === undefined ? { number: { exists: false } } : { number: catalogue.number },
        otherwise: { code: "busy", detail: "another version was published at the same time" },
      },
      {
        do: "update",
        key: keys.version(version.componentId, version.id),
        set: {
          status: "published",
          catalogueNumber: number,
          ...(dependencies !== undefined && { dependencies }),
          ...(runtimes !== undefined && { runtimes }),
          updatedAt: now.toISOString(),
        },
        add: { revision: 1 },
        when: { status: "publishing" },
      },
      {
        do: "update",
        key: keys.versionOrder(version.componentId, version.version),
        set: { published: number },
        when: { id: version.id },
      },
    ],
    now,
  );
};
