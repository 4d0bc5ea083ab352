/// <reference path="../.sst/platform/config.d.ts" />
import { api } from "./api.ts";
import { devices } from "./devices.ts";
import { encryption } from "./encryption.ts";
import { events } from "./events.ts";
import { makeFunctions } from "./functions.ts";
import { identityOf } from "./identity.ts";
import { observability } from "./observability.ts";
import { ota } from "./ota.ts";
import { stageOf } from "./stage.ts";
import { storage } from "./storage.ts";
import { streamReaders } from "./streams.ts";
import { webhookKey } from "./webhooks.ts";
import { stateMachines } from "./workflows.ts";

/** Everything of a stage, in order. Answers what a person or a client must know of it. */
export const deploy = async (name: string) => {
  const stage = await stageOf(name);
  const key = encryption(stage);
  const stores = storage(stage);
  const identity = identityOf(stage);
  const functions = makeFunctions(stage, key, identity);
  webhookKey(stage);
  const machines = stateMachines(stage, key, functions);
  const deadLetters = {
    ...streamReaders(stage, stores, functions),
    ...events(stage, functions).deadLetters,
    ...devices(stage, { key, functions }).deadLetters,
  };
  const { api: made, ...apiTold } = api(stage, { key, functions, identity });
  const { distribution, webAcl, ...otaTold } = ota(stage, { functions, storage: stores });
  observability(stage, { key, api: made, stateMachines: machines, deadLetters, ota: { distribution, webAcl } });
  return { api: apiTold, ota: otaTold };
};
