import { join } from "node:path";
import {
  AddThingToThingGroupCommand,
  CreateThingCommand,
  CreateThingGroupCommand,
  DescribeJobCommand,
  IoTClient,
} from "@aws-sdk/client-iot";
import { afterAll, beforeAll } from "vitest";
import { Faults } from "../../../local/faults.ts";
import { type IotServer, startIot } from "../../../local/iot/server.ts";
import { openDatabase } from "../../../local/sqlite.ts";
import { ACCOUNT, groupArn, health, publish, REGION, type Stage, stage } from "./support.ts";

export const NAMESPACE = "aws-gg-deployment";

const openIot = async (dir: string) => {
  const server = await startIot({
    dir: join(dir, "iot"),
    port: 0,
    region: REGION,
    accountId: ACCOUNT,
    faults: new Faults(),
    thingTypeCooldownMs: 0,
    endpoints: { data: "d", credentials: "c", jobs: "j" },
  });
  const client = new IoTClient({
    endpoint: server.url,
    region: REGION,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
  return { server, client };
};

/** Greengrass and AWS IoT on one folder, for the tests of a file, and what these ask of them. */
export const withIot = () => {
  let one: Stage;
  let iot: { server: IotServer; client: IoTClient } | undefined;
  const opened = () => {
    if (iot === undefined) throw new Error("AWS IoT is not open");
    return iot;
  };
  const close = async () => {
    opened().client.destroy();
    await opened().server.close();
  };

  beforeAll(async () => {
    // The first start has no IoT yet: its folder is not known before.
    one = await stage(() => {
      const server = iot?.server;
      return server === undefined ? {} : { jobs: server.jobs, targetExists: (arn) => server.hasTarget(arn) };
    });
    await one.stop();
    iot = await openIot(one.dir);
    await one.start();
    await publish(one.client, "app");
  });
  afterAll(async () => {
    await one.end();
    await close();
  });

  const effective = async (coreDeviceThingName: string) => {
    const { effectiveDeployments = [] } = await one.client.listEffectiveDeployments({ coreDeviceThingName });
    return effectiveDeployments;
  };

  return {
    get one() {
      return one;
    },
    get iot() {
      return opened().server;
    },
    send: ((command: never) => opened().client.send(command)) as IoTClient["send"],
    restart: async () => {
      await one.stop();
      await close();
      iot = await openIot(one.dir);
      await one.start();
    },
    /** Does SQL in Greengrass's database, beside the process. */
    sql: (text: string): void => {
      const database = openDatabase(join(one.dir, "greengrass.db"), "");
      database.exec(text);
      database.close();
    },
    /** A group with things in it that are core devices. Answers its ARN. */
    fleet: async (name: string, ...things: string[]): Promise<string> => {
      const { client } = opened();
      await client.send(new CreateThingGroupCommand({ thingGroupName: name }));
      for (const thingName of things) {
        await client.send(new CreateThingCommand({ thingName }));
        await client.send(new AddThingToThingGroupCommand({ thingName, thingGroupName: name }));
        one.server.devices.reportHealth(thingName, health(thingName, 1));
      }
      return groupArn(name);
    },
    deploy: (targetArn: string, more: object = {}) =>
      one.client.createDeployment({
        targetArn,
        deploymentName: "named",
        components: { app: { componentVersion: "1.0.0" } },
        ...more,
      }),
    effective,
    statuses: async (thing: string) =>
      (await effective(thing)).map(({ coreDeviceExecutionStatus }) => coreDeviceExecutionStatus),
    jobStatus: async (jobId: string | undefined) =>
      (await opened().client.send(new DescribeJobCommand({ jobId }))).job?.status,
    deploymentStatus: async (deploymentId: string | undefined) =>
      (await one.client.getDeployment({ deploymentId })).deploymentStatus,
    /** The states of a deployment that EventBridge was told of, in order. */
    told: (deploymentId: string | undefined) =>
      one.events
        .map(({ detail }) => detail as { deploymentId?: string; coreDeviceExecutionStatus?: string })
        .filter((detail) => detail.deploymentId === deploymentId)
        .map((detail) => detail.coreDeviceExecutionStatus),
  };
};
