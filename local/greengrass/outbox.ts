import type { ServiceEvent } from "../events.ts";
import type { Greengrass } from "./state.ts";

/** What was stored is stored: an event that EventBridge does not take is no failure of the change, nor of other events. */
const tell = (greengrass: Greengrass, event: ServiceEvent): void => {
  try {
    greengrass.publish(event);
  } catch (error) {
    console.error("greengrass: an event was not taken", error);
  }
};

/** Runs `work` in one transaction, then tells EventBridge what it put into the outbox. */
export const change = <T>(greengrass: Greengrass, work: () => T): T => {
  const { outbox, store } = greengrass;
  let result: T;
  try {
    result = store.transact(work);
  } catch (error) {
    outbox.length = 0;
    throw error;
  }
  // Taken out before they are told: whoever hears of one may make the next change.
  for (const event of outbox.splice(0)) tell(greengrass, event);
  return result;
};
