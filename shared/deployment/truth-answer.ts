import * as z from "zod";
import { PROBLEMS, type ProblemCode } from "../problems.ts";
import { Drift } from "./drift.ts";
import { EFFECTIVE_STATUSES, NODE_STATES } from "./truth.ts";

/** What the API tells of how deployments went. */

export const NodeStateName = z.enum(NODE_STATES).meta({
  description:
    "How the node is with what it is to run now. A device that cannot be reached is told as unreachable while it has not ended that",
});

const Versions = z.record(z.string(), z.string()).meta({ description: "Component to exact version" });

export const StatusOfNode = z
  .object({
    id: z.string(),
    name: z.string(),
    state: NodeStateName,
    since: z.iso.datetime(),
    error: z.string().optional().meta({ description: "The device's word for it, or why nothing can be delivered" }),
    errors: z
      .array(z.string())
      .readonly()
      .optional()
      .meta({ description: "The device's error codes, from the most general on" }),
  })
  .meta({ id: "StatusOfNode" });
export type StatusOfNode = z.infer<typeof StatusOfNode>;

export const NodeDeploymentStatus = StatusOfNode.extend({
  wanted: z
    .object({
      cell: z.string(),
      hash: z.string().optional(),
      components: Versions.optional(),
      problem: z
        .object({ code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]), detail: z.string() })
        .optional()
        .meta({ description: "Why what is wanted cannot be delivered" }),
    })
    .meta({ description: "What the node's deployments make of it" }),
  delivered: z
    .object({
      cell: z.string().meta({ description: "The cell, and which of its thing groups" }),
      hash: z.string(),
      components: Versions,
      deploymentId: z.string().meta({ description: "The Greengrass deployment" }),
      jobId: z.string(),
      sequence: z.int().meta({ description: "The number of the delivery to this thing group" }),
      at: z.iso.datetime(),
    })
    .optional()
    .meta({ description: "What Greengrass was given for the node" }),
  reported: z
    .object({
      device: z
        .object({
          status: z.enum(["HEALTHY", "UNHEALTHY"]),
          at: z.iso.datetime(),
          coreVersion: z.string().optional(),
        })
        .optional(),
      deployment: z
        .object({
          deploymentId: z.string(),
          status: z.enum(EFFECTIVE_STATUSES),
          at: z.iso.datetime(),
          reason: z.string().optional(),
          errors: z.array(z.string()).optional(),
        })
        .optional(),
      components: z.array(
        z.object({
          name: z.string(),
          version: z.string(),
          state: z.string(),
          detail: z.string().optional(),
          codes: z.array(z.string()).optional(),
          at: z.iso.datetime(),
        }),
      ),
      lookedAt: z.iso.datetime().optional().meta({ description: "When Slipway last looked at what Greengrass has" }),
    })
    .meta({ description: "What the device says" }),
  agrees: z.object({
    delivered: z.boolean().meta({ description: "Whether what was delivered is what is wanted" }),
    reported: z.boolean().meta({ description: "Whether the device has what was delivered" }),
  }),
  way: z.object({
    arrived: z.boolean().meta({ description: "Whether the node is in the cell where it belongs" }),
    error: z.string().optional(),
  }),
  drift: z.array(Drift),
}).meta({ id: "NodeDeploymentStatus", description: "What is wanted of a node, what was delivered, what it reports" });
export type NodeDeploymentStatus = z.infer<typeof NodeDeploymentStatus>;

export const DeploymentStatus = z
  .object({
    revision: z.int(),
    nodes: z.int(),
    succeeded: z.int(),
    inProgress: z.int(),
    failed: z.int(),
    unreachable: z.int(),
    cells: z.array(
      z.object({
        key: z.string(),
        targets: z.array(z.string()),
        nodes: z
          .object({ wanted: z.int(), delivered: z.int(), waiting: z.int() })
          .meta({ description: "Delivered: those that Greengrass delivers to as members of the cell" }),
        generations: z.int().meta({ description: "Thing groups that deliver to it" }),
        hash: z.string().optional(),
        error: z.string().optional().meta({ description: "Why what is wanted cannot be delivered" }),
      }),
    ),
  })
  .meta({ id: "DeploymentStatus", description: "How far a node group's deployment has come" });
export type DeploymentStatus = z.infer<typeof DeploymentStatus>;
