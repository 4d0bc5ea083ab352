import middy from "@middy/core";
import type { EventBridgeEvent } from "aws-lambda";
import * as z from "zod";
import { getItem, transact } from "../../shared/aws/table.ts";
import {
  type Components,
  EFFECTIVE_DEPLOYMENT_CHANGED,
  EFFECTIVE_STATUSES,
  heardComponents,
  heardOf,
  INSTALLED_COMPONENT_CHANGED,
  nodeStays,
  type StoredComponents,
  writeComponents,
  writeReport,
} from "../../shared/deployment/truth.ts";
import { env } from "../../shared/env.ts";
import { keys } from "../../shared/keys.ts";
import { nodeOfClientId } from "../../shared/names.ts";
import type { StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";
import type { Write } from "../../shared/writes.ts";
import { loggerOf } from "../logger.ts";
import { factsOf } from "../truth/facts.ts";

/** The forms are at https://docs.aws.amazon.com/greengrass/v2/developerguide/deployment-health-notifications.html */
const DeploymentChanged = z.object({
  deploymentId: z.string(),
  coreDeviceExecutionStatus: z.enum(EFFECTIVE_STATUSES),
  statusDetails: z.object({ errorStack: z.array(z.string()).default([]) }).optional(),
  reason: z.string().optional(),
});

const ComponentsChanged = z.object({
  components: z.array(
    z.object({
      componentName: z.string(),
      componentVersion: z.string(),
      lifecycleState: z.string(),
      lifecycleStatusCodes: z.array(z.string()).default([]),
      lifecycleStateDetails: z.string().optional(),
    }),
  ),
});

type Event = EventBridgeEvent<string, unknown>;

const TRIES = 8;

/** Writes what follows from what is there, and again from what is there then, where something else came between. */
const untilWritten = async (writes: () => Promise<readonly Write[]>): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await transact(await writes());
    } catch (error) {
      if (error instanceof AppError && error.code === "not-found") return; // the node went meanwhile
      if (!(error instanceof AppError && error.code === "busy") || tries >= TRIES) throw error;
    }
  }
};

/**
 * A device has ended a deployment, or a component of it has failed. These events come in no order, more than once, or not
 * at all: what is older than what is known changes nothing, and the sweep finds what was lost.
 */
export const handler = middy<Event, void>().handler(async (event, context) => {
  const [device = ""] = event.resources;
  const named = nodeOfClientId(env("STAGE"), device.slice(device.lastIndexOf(":") + 1));
  if (!named?.main) return;
  const { workspaceId, nodeId } = named;
  const log = loggerOf(context, { node: nodeId });
  const at = Date.parse(event.time);
  const node = await getItem<StoredNode>(keys.node(workspaceId, nodeId));
  if (node === undefined) return;

  if (event["detail-type"] === EFFECTIVE_DEPLOYMENT_CHANGED) {
    const {
      deploymentId,
      coreDeviceExecutionStatus: status,
      statusDetails,
      reason,
    } = DeploymentChanged.parse(event.detail);
    const errors = statusDetails?.errorStack ?? [];
    await untilWritten(async () => {
      const [facts] = await factsOf(workspaceId, [node]);
      if (facts === undefined) return [];
      const { report } = facts;
      const effective = heardOf(report?.effective ?? [], {
        deploymentId,
        status,
        at,
        ...(reason !== undefined && { reason }),
        ...(errors.length > 0 && { errors }),
      });
      const reported = { device: report?.device, effective, lookedAt: report?.lookedAt ?? 0 };
      return [nodeStays(node), writeReport(facts, report, reported).write];
    });
    log.info("a deployment ended", { deploymentId, status });
  }

  if (event["detail-type"] === INSTALLED_COMPONENT_CHANGED) {
    const heard: Components = Object.fromEntries(
      ComponentsChanged.parse(event.detail).components.map((one) => [
        one.componentName,
        {
          version: one.componentVersion,
          state: one.lifecycleState,
          ...(one.lifecycleStateDetails && { detail: one.lifecycleStateDetails }),
          ...(one.lifecycleStatusCodes.length > 0 && { codes: one.lifecycleStatusCodes }),
          at,
        },
      ]),
    );
    await untilWritten(async () => {
      const before = await getItem<StoredComponents>(keys.nodeComponents(nodeId));
      return [nodeStays(node), writeComponents(node, before, heardComponents(before?.components ?? {}, heard))];
    });
    log.info("components changed", { components: Object.keys(heard).length });
  }
});
