import { indexes } from "../keys.ts";
import type { TableName } from "../writes.ts";

export interface TableDeclaration {
  readonly stream: boolean;
  /** The attribute by which DynamoDB expires items. */
  readonly ttl: string;
  /** Secondary indexes of text attributes, with all attributes projected. */
  readonly indexes: readonly { readonly name: string; readonly pk: string; readonly sk: string }[];
}

/** Both tables have the keys `pk` and `sk`, texts. */
export const tables: Readonly<Record<TableName, TableDeclaration>> = {
  control: {
    stream: true,
    ttl: "expiresAt",
    indexes: [
      indexes.intentsOfWorkspace,
      indexes.openIntents,
      indexes.dueDeliveries,
      indexes.auditOfActor,
      indexes.auditOfObject,
    ],
  },
  ota: { stream: true, ttl: "expiresAt", indexes: [] },
};
