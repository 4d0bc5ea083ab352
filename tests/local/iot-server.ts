import { IoT } from "@aws-sdk/client-iot";
import { Faults } from "../../local/faults.ts";
import { type IotOptions, type IotServer, startIot } from "../../local/iot/server.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";

export const REGION = "eu-central-1";
export const ACCOUNT = "123456789012";
export const arn = (resource: string) => `arn:aws:iot:${REGION}:${ACCOUNT}:${resource}`;

export interface Running {
  readonly server: IotServer;
  readonly iot: IoT;
  readonly clock: ManualClock;
  close(): Promise<void>;
}

/** Starts the control plane on a folder, with a clock that stands still. */
export const openIot = async (
  dir: string,
  options: Partial<IotOptions> & { readonly clock?: ManualClock } = {},
): Promise<Running> => {
  const clock = options.clock ?? manualClock();
  const server = await startIot({
    dir,
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    thingTypeCooldownMs: 300_000,
    endpoints: { data: "data.local", credentials: "credentials.local", jobs: "jobs.local" },
    ...options,
    clock,
  });
  const iot = new IoT({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  return {
    server,
    iot,
    clock,
    close: async () => {
      iot.destroy();
      await server.close();
    },
  };
};
