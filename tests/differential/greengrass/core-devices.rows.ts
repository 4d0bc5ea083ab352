import { expect } from "vitest";
import type { Row } from "../rows.ts";
import { ACCOUNT, api, core, guide, health, REGION, stated, thingArn, type World } from "./world.ts";

const CLI = "https://docs.aws.amazon.com/cli/latest/reference/greengrassv2";
const NUCLEUS = { "aws.greengrass.Nucleus": { componentVersion: "2.16.0" } };
const absent = { status: 404, code: "ResourceNotFoundException", fields: { resourceId: "none" } };

const APP = {
  componentName: "app",
  version: "1.0.0",
  fleetConfigArns: ["arn"],
  isRoot: true,
  status: "RUNNING",
};
const LIBRARY = { ...APP, componentName: "library", isRoot: false, status: "FINISHED" };

/** A deployment to a core device, and what the device makes of it. */
const deployTo = async (world: World, status?: string, statusDetails: object = {}): Promise<string> => {
  const thing = core(world);
  const { deploymentId } = await world.client.createDeployment({
    targetArn: thingArn(thing),
    deploymentName: "to the core",
    components: NUCLEUS,
  });
  if (status !== undefined)
    world.devices.reportHealth(
      thing,
      health(thing, {
        messageType: "PARTIAL",
        trigger: "THING_DEPLOYMENT",
        deploymentInformation: { deploymentId, status, statusDetails, unchangedRootComponents: [] },
      }),
    );
  return thing;
};

export const coreDeviceRows: readonly Row<World>[] = [
  {
    operation: "GetCoreDevice",
    when: "after its first report",
    send: (world) => stated(world.client.getCoreDevice({ coreDeviceThingName: core(world) })),
    expect: {
      status: 200,
      fields: {
        coreVersion: "2.16.0",
        platform: "linux",
        architecture: "amd64",
        runtime: "aws_nucleus_classic",
        state: "HEALTHY",
        lastStatusUpdateTimestamp: expect.any(Date),
        tags: {},
      },
    },
    source: `${CLI}/get-core-device.html`,
  },
  {
    operation: "GetCoreDevice",
    when: "one with a broken component",
    send: (world) =>
      stated(
        world.client.getCoreDevice({
          coreDeviceThingName: core(world, {
            overallDeviceStatus: "UNHEALTHY",
            components: [{ ...APP, status: "BROKEN" }],
          }),
        }),
      ),
    expect: { status: 200, fields: { state: "UNHEALTHY" } },
    source: guide("device-status"),
  },
  {
    operation: "GetCoreDevice",
    when: "a thing that never reported",
    send: ({ client }) => client.getCoreDevice({ coreDeviceThingName: "none" }),
    expect: absent,
    source: api("GetCoreDevice"),
  },
  {
    operation: "ListCoreDevices",
    when: "with the runtime of nucleus lite",
    send: async (world) => {
      const thing = core(world, { runtime: "aws_nucleus_lite" });
      core(world);
      const { coreDevices = [], ...rest } = await world.client.listCoreDevices({ runtime: "aws_nucleus_lite" });
      return {
        ...rest,
        runtimes: [...new Set(coreDevices.map(({ runtime }) => runtime))],
        found: coreDevices.some(({ coreDeviceThingName }) => coreDeviceThingName === thing),
      };
    },
    expect: { status: 200, fields: { runtimes: ["aws_nucleus_lite"], found: true } },
    source: api("ListCoreDevices"),
  },
  {
    operation: "ListCoreDevices",
    when: "that are unhealthy",
    send: async (world) => {
      core(world, { overallDeviceStatus: "UNHEALTHY" });
      core(world);
      const { coreDevices = [], ...rest } = await world.client.listCoreDevices({ status: "UNHEALTHY" });
      return { ...rest, statuses: [...new Set(coreDevices.map(({ status }) => status))] };
    },
    expect: { status: 200, fields: { statuses: ["UNHEALTHY"] } },
    source: api("ListCoreDevices"),
  },
  {
    operation: "ListCoreDevices",
    when: "of a group that deployed nothing",
    send: (world) => {
      core(world);
      return world.client.listCoreDevices({ thingGroupArn: `arn:aws:iot:${REGION}:${ACCOUNT}:thinggroup/idle` });
    },
    expect: { status: 200, fields: { coreDevices: [] } },
    source: api("ListCoreDevices"),
  },
  {
    operation: "ListCoreDevices",
    when: "of a thing in the group's place",
    send: ({ client }) => client.listCoreDevices({ thingGroupArn: thingArn("x") }),
    expect: { status: 400, code: "ValidationException", fields: { reason: "FIELD_VALIDATION_FAILED" } },
    source: "model:ThingGroupARN",
  },
  {
    operation: "DeleteCoreDevice",
    when: "one that reported",
    send: (world) => world.client.deleteCoreDevice({ coreDeviceThingName: core(world) }),
    expect: { status: 204 },
    source: api("DeleteCoreDevice"),
  },
  {
    operation: "DeleteCoreDevice",
    when: "a thing that never reported",
    send: ({ client }) => client.deleteCoreDevice({ coreDeviceThingName: "none" }),
    expect: absent,
    source: api("DeleteCoreDevice"),
  },
  {
    operation: "ListInstalledComponents",
    when: "the root components by default",
    send: async (world) => {
      const thing = core(world, { components: [APP, LIBRARY] });
      const answer = await world.client.listInstalledComponents({ coreDeviceThingName: thing });
      return { ...answer, count: answer.installedComponents?.length };
    },
    expect: {
      status: 200,
      fields: {
        count: 1,
        installedComponents: [
          {
            componentName: "app",
            componentVersion: "1.0.0",
            lifecycleState: "RUNNING",
            isRoot: true,
            lastStatusChangeTimestamp: expect.any(Date),
            lastReportedTimestamp: expect.any(Date),
          },
        ],
      },
    },
    source: api("ListInstalledComponents"),
  },
  {
    operation: "ListInstalledComponents",
    when: "all, with dependencies",
    send: async (world) => {
      const thing = core(world, { components: [APP, LIBRARY] });
      const { installedComponents = [], ...rest } = await world.client.listInstalledComponents({
        coreDeviceThingName: thing,
        topologyFilter: "ALL",
      });
      return { ...rest, names: installedComponents.map(({ componentName }) => componentName).sort() };
    },
    expect: { status: 200, fields: { names: ["app", "library"] } },
    source: api("ListInstalledComponents"),
  },
  {
    operation: "ListInstalledComponents",
    when: "a broken one, with the reason",
    send: (world) =>
      world.client.listInstalledComponents({
        coreDeviceThingName: core(world, {
          components: [
            {
              ...APP,
              status: "BROKEN",
              statusDetails: { statusCodes: ["STARTUP_ERROR"], statusReason: "exit code 1" },
            },
          ],
        }),
      }),
    expect: {
      status: 200,
      fields: {
        installedComponents: [
          { lifecycleState: "BROKEN", lifecycleStatusCodes: ["STARTUP_ERROR"], lifecycleStateDetails: "exit code 1" },
        ],
      },
    },
    source: api("InstalledComponent"),
  },
  {
    operation: "ListInstalledComponents",
    when: "what a local deployment brought",
    send: (world) =>
      world.client.listInstalledComponents({
        coreDeviceThingName: core(world, {
          messageType: "PARTIAL",
          trigger: "LOCAL_DEPLOYMENT",
          components: [APP],
        }),
      }),
    expect: { status: 200, fields: { installedComponents: [{ lastInstallationSource: "LOCAL" }] } },
    source: api("InstalledComponent"),
  },
  {
    operation: "ListInstalledComponents",
    when: "of a thing that never reported",
    send: ({ client }) => client.listInstalledComponents({ coreDeviceThingName: "none" }),
    expect: absent,
    source: api("ListInstalledComponents"),
  },
  {
    operation: "ListEffectiveDeployments",
    when: "one to the thing that was completed",
    send: async (world) =>
      world.client.listEffectiveDeployments({
        coreDeviceThingName: await deployTo(world, "SUCCEEDED", { detailedStatus: "SUCCESSFUL" }),
      }),
    expect: {
      status: 200,
      fields: {
        effectiveDeployments: [
          {
            deploymentId: expect.any(String),
            deploymentName: "to the core",
            targetArn: expect.stringContaining(":thing/"),
            coreDeviceExecutionStatus: "COMPLETED",
            reason: "SUCCESSFUL",
            creationTimestamp: expect.any(Date),
            modifiedTimestamp: expect.any(Date),
          },
        ],
      },
    },
    source: `${CLI}/list-effective-deployments.html`,
  },
  {
    operation: "GetDeployment",
    when: "one to a thing that was completed",
    send: async (world) => {
      const thing = await deployTo(world, "SUCCEEDED");
      const { deployments = [] } = await world.client.listDeployments({ targetArn: thingArn(thing) });
      return world.client.getDeployment({ deploymentId: deployments[0]?.deploymentId });
    },
    expect: { status: 200, fields: { deploymentStatus: "COMPLETED" } },
    source: `${CLI}/list-deployments.html`,
  },
  {
    operation: "ListEffectiveDeployments",
    when: "one to the thing that failed",
    send: async (world) =>
      world.client.listEffectiveDeployments({
        coreDeviceThingName: await deployTo(world, "FAILED", {
          detailedStatus: "FAILED_NO_STATE_CHANGE",
          failureCause: "403",
          errorStack: ["DEPLOYMENT_FAILURE", "S3_ACCESS_DENIED"],
          errorTypes: ["PERMISSION_ERROR"],
        }),
      }),
    expect: {
      status: 200,
      fields: {
        effectiveDeployments: [
          {
            coreDeviceExecutionStatus: "FAILED",
            reason: "S3_ACCESS_DENIED: FAILED_NO_STATE_CHANGE: 403",
            statusDetails: {
              errorStack: ["DEPLOYMENT_FAILURE", "S3_ACCESS_DENIED"],
              errorTypes: ["PERMISSION_ERROR"],
            },
          },
        ],
      },
    },
    source: guide("deployment-health-notifications"),
  },
  {
    operation: "ListEffectiveDeployments",
    when: "of a thing that never reported",
    send: ({ client }) => client.listEffectiveDeployments({ coreDeviceThingName: "none" }),
    expect: absent,
    source: api("ListEffectiveDeployments"),
  },
];
