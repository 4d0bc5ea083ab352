import { transact } from "../../shared/aws/table.ts";
import { dependencesOf } from "../../shared/aws/users.ts";
import { forgetDependant } from "../../shared/component/dependant.ts";
import { inUse, leftWithout } from "../../shared/deployment/users.ts";
import { keys } from "../../shared/keys.ts";
import { AppError } from "../../shared/problems.ts";
import { asCatalogueIs } from "../catalogue.ts";
import { desiredVersion } from "./desired.ts";
import { task } from "./task.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Also what a publication left that was broken off. The number in the catalogue is given up first: from then on nothing takes
 * it for a published version, whatever becomes of the rest. Before, the version is as published as it was. What depends on it
 * and was published up to that moment keeps it.
 */
export const handler = task("delete-component-version", async (input) => {
  const version = await desiredVersion(input);
  const key = keys.version(version.componentId, version.id);
  if (version.catalogueNumber !== undefined) {
    await asCatalogueIs(async () => {
      const refusal = inUse(leftWithout(await dependencesOf(version)));
      if (refusal !== undefined) throw new AppError(refusal.code, refusal.detail);
      return [
        { do: "update", key, remove: ["catalogueNumber", "deprecated"], when: { status: "deleting" } },
        {
          do: "update",
          key: keys.versionOrder(version.componentId, version.version),
          remove: ["published"],
          when: { id: version.id },
        },
        forgetDependant(version),
      ];
    });
  }
  await withdraw(version);
  if (version.arn === undefined) return;
  await transact([{ do: "update", key, remove: ["arn"], when: { status: "deleting" } }]);
});
