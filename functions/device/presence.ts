import middy from "@middy/core";
import type { Context } from "aws-lambda";
import { actorOfDevice } from "../../shared/audit/audit.ts";
import { auditOf } from "../../shared/aws/audit.ts";
import { allItems, getItem, remembering, transact } from "../../shared/aws/table.ts";
import { env } from "../../shared/env.ts";
import { keys, partitions } from "../../shared/keys.ts";
import { nodeOfClientId } from "../../shared/names.ts";
import { connectionChanged, type StoredNode } from "../../shared/node/node.ts";
import { AppError } from "../../shared/problems.ts";
import type { StoredCertificate } from "../../shared/registration/certificate.ts";
import { firstConnection } from "../../shared/registration/registration.ts";
import type { Write } from "../../shared/writes.ts";
import { loggerOf } from "../logger.ts";
import { theMoment } from "../moment.ts";

/** https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html */
interface PresenceEvent {
  readonly clientId: string;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly eventType: "connected" | "disconnected";
  /** For a client with a certificate, that one's id. */
  readonly principalIdentifier: string;
}

/** Writes; nothing when the condition did not hold, which means that someone else has done it, or that it is old news. */
const unlessPast = async (writes: readonly Write[]): Promise<boolean> => {
  try {
    await transact(writes);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "conflict") return false;
    throw error;
  }
};

/**
 * Notes whether a node is connected, unless something later is noted. Between the look at the node and the write, another
 * event may have noted something earlier: that is looked at again.
 */
const noteConnection = async (seen: StoredNode, connected: boolean, at: Date): Promise<void> => {
  let node: StoredNode | undefined = seen;
  while (node !== undefined && (node.connectionAt ?? Number.NEGATIVE_INFINITY) < at.getTime()) {
    if (await unlessPast([connectionChanged(node, connected, at)])) return;
    node = await getItem<StoredNode>(keys.node(node.workspaceId, node.id));
  }
};

/**
 * A node's device has connected, or is gone. With its first connection a certificate becomes the node's: the token is used,
 * and its other certificates are revoked. These events come at least once and in no order.
 */
const heard = async (event: PresenceEvent, context: Context): Promise<void> => {
  const named = nodeOfClientId(env("STAGE"), event.clientId);
  if (named === undefined) return;
  const log = loggerOf(context, { node: named.nodeId });
  const node = await getItem<StoredNode>(keys.node(named.workspaceId, named.nodeId));
  if (node === undefined) return;
  if (event.eventType === "connected") {
    const certificates = await allItems<StoredCertificate>(partitions.certificates(node.id));
    const certificate = certificates.find(({ id }) => id === event.principalIdentifier);
    if (certificate?.status === "pending" && node.status === "active") {
      const others = certificates.filter((other) => other !== certificate);
      const { intents, writes } = firstConnection(node, certificate, others, theMoment());
      const deed = {
        workspaceId: node.workspaceId,
        actor: actorOfDevice(node.id),
        operation: "device.registered",
        object: { type: "node", id: node.id, name: node.name },
      };
      const first = await unlessPast([
        ...writes,
        ...auditOf(deed, writes, new Date()),
        ...intents.map((intent): Write => ({ do: "create", item: { ...intent } })),
      ]);
      log.info(first ? "registered" : "changed meanwhile", { certificate: certificate.id, revokes: intents.length });
      if (!first) throw new Error("the node changed at the same time: this is to be looked at again");
    }
  }
  if (named.main) await noteConnection(node, event.eventType === "connected", new Date(event.timestamp));
};

export const handler = middy<PresenceEvent, void>().handler((event, context) =>
  remembering(() => heard(event, context)),
);
