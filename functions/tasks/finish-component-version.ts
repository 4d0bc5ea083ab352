import { noteDependant } from "../../shared/component/dependant.ts";
import { factsOf } from "../../shared/component/facts.ts";
import { keys } from "../../shared/keys.ts";
import { nextInCatalogue } from "../catalogue.ts";
import { succeeding } from "./activate.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";

/** The next number of the catalogue and the publication at once. */
export const handler = task("finish-component-version", async (input) => {
  const version = await desiredVersion(input);
  const now = new Date();
  await succeeding(input, now, (success) =>
    nextInCatalogue((number) => {
      const facts = factsOf(version, number);
      const { dependencies, runtimes } = facts;
      return [
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
        ...noteDependant(version, facts),
        ...success,
      ];
    }),
  );
});
