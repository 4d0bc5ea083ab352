import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { env } from "../env.ts";
import { AppError } from "../problems.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => new EventBridgeClient(clientSettings));

/** Puts a domain event on the stage's bus, from source `slipway`. */
export const putEvent = async (detailType: string, detail: object): Promise<void> => {
  const { Entries = [] } = await client().send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: env("EVENT_BUS"),
          Source: "slipway",
          DetailType: detailType,
          Detail: JSON.stringify(detail),
        },
      ],
    }),
  );
  const [entry] = Entries;
  if (entry?.ErrorCode !== undefined) {
    throw new AppError("unavailable", `EventBridge refused an event: ${entry.ErrorCode} ${entry.ErrorMessage}`);
  }
};
