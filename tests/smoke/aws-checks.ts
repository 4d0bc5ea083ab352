import {
  CancelDeploymentCommand,
  CreateDeploymentCommand,
  DeleteDeploymentCommand,
  GetDeploymentCommand,
  GreengrassV2Client,
  ListDeploymentsCommand,
} from "@aws-sdk/client-greengrassv2";
import {
  CreateThingGroupCommand,
  DeleteThingGroupCommand,
  DescribeThingCommand,
  IoTClient,
  ListThingGroupsForThingCommand,
} from "@aws-sdk/client-iot";
import { type Context, expecting } from "./context.ts";
import { type Check, eventually, expectThat, Skip } from "./run.ts";

/** A change of a thing group's members is seen after a while; AWS does not say how long. */
const SEEN_WITHIN_SECONDS = 30;

/** Clients with whatever the SDK finds in the environment. @throws Skip where AWS cannot be asked */
const clients = ({ target: { region } }: Context) => {
  if (region === undefined) throw new Skip("AWS_REGION is not set, so AWS itself is not asked");
  return { iot: new IoTClient({ region }), greengrass: new GreengrassV2Client({ region }) };
};

const field = async (context: Context, path: string, name: string): Promise<string> => {
  const { body } = expecting(200, await context.client.call("GET", context.workspace + path));
  return String(body[name]);
};

/**
 * AWS itself, asked with the operator's credentials: that what the API says is there. They may read AWS IoT and
 * Greengrass, and for the last one make a thing group and a deployment.
 */
export const awsChecks: readonly Check<Context>[] = [
  {
    name: "aws-things",
    needs: ["node"],
    run: async (context) => {
      const { iot } = clients(context);
      const thingName = await field(context, "/nodes/gateway-1", "thing");
      const thing = await iot.send(new DescribeThingCommand({ thingName }));
      const bucket = await field(context, "", "bucket");
      expectThat(thing.thingTypeName === bucket, `the thing's type is ${thing.thingTypeName}, not ${bucket}`);
      const group = await field(context, "/node-groups/gateways", "thingGroup");
      await eventually(SEEN_WITHIN_SECONDS, async () => {
        const { thingGroups = [] } = await iot.send(new ListThingGroupsForThingCommand({ thingName }));
        const names = thingGroups.map(({ groupName }) => groupName);
        expectThat(names.length === 2 && names.includes(group), `the thing is in ${names.join(", ")}`);
      });
    },
  },
  {
    name: "aws-deployment",
    needs: ["aws-things", "deployment"],
    run: async (context) => {
      const { iot, greengrass } = clients(context);
      const thingName = await field(context, "/nodes/gateway-1", "thing");
      const group = await field(context, "/node-groups/gateways", "thingGroup");
      const { thingGroups = [] } = await iot.send(new ListThingGroupsForThingCommand({ thingName }));
      for (const { groupArn: targetArn, groupName } of thingGroups) {
        const { deployments = [] } = await greengrass.send(new ListDeploymentsCommand({ targetArn }));
        if (groupName === group) {
          expectThat(deployments.length === 0, "the node group carries a deployment: two can meet on a device");
          continue;
        }
        const { deploymentId } = deployments[0] ?? {};
        expectThat(deployments.length === 1, `the cell has ${deployments.length} latest deployments`);
        const { components = {} } = await greengrass.send(new GetDeploymentCommand({ deploymentId }));
        const version = components[context.component]?.componentVersion;
        expectThat(version === "1.0.0", `the cell's deployment has ${JSON.stringify(components)}`);
      }
    },
  },
  {
    name: "aws-client-token",
    run: async (context) => {
      const { iot, greengrass } = clients(context);
      const thingGroupName = `smoke-${context.run}`;
      const { thingGroupArn: targetArn } = await iot.send(new CreateThingGroupCommand({ thingGroupName }));
      const made = new Set<string | undefined>();
      try {
        for (let times = 0; times < 2; times += 1) {
          const request = { targetArn, deploymentName: thingGroupName, clientToken: thingGroupName, components: {} };
          made.add((await greengrass.send(new CreateDeploymentCommand(request))).deploymentId);
        }
        expectThat(made.size === 1, `one client token made ${made.size} deployments`);
      } finally {
        for (const deploymentId of made) {
          await greengrass.send(new CancelDeploymentCommand({ deploymentId }));
          await greengrass.send(new DeleteDeploymentCommand({ deploymentId }));
        }
        await iot.send(new DeleteThingGroupCommand({ thingGroupName }));
      }
    },
  },
];
