import type { Operation } from "./reserved.ts";
import type { Broker, Message } from "./state.ts";

const TOPIC = /^\$aws\/things\/([^/]+)\/(?:greengrassv2|greengrass)\/health\/json$/;

/** What a core device says of itself; nothing answers it. */
export const healthOperation = (broker: Broker, { topic, payload }: Message): Operation | undefined => {
  const thing = TOPIC.exec(topic)?.[1];
  if (thing === undefined) return undefined;
  return {
    name: "ReportHealth",
    perform: () => {
      try {
        broker.devices?.reportHealth(thing, JSON.parse(payload.toString()));
      } catch (error) {
        // Java nuclei send telemetry on the older of the two topics; AWS answers neither that nor what it cannot read.
        broker.log("mqtt: a health message was not understood", { topic, error: String(error) });
      }
      return [];
    },
    refuse: () => [],
  };
};
