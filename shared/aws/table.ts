import { AsyncLocalStorage } from "node:async_hooks";
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  TransactionCanceledException,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { env } from "../env.ts";
import { AppError } from "../problems.ts";
import type { Attributes, Key, TableName, Test, Write } from "../writes.ts";
import { clientSettings, once } from "./settings.ts";

const client = once(() => {
  const plain = new DynamoDBClient(clientSettings);
  // It goes through all of an answer to leave out what is secret, for a logger, which there is none of.
  plain.middlewareStack.remove("loggerMiddleware");
  return DynamoDBDocumentClient.from(plain, { marshallOptions: { removeUndefinedValues: true } });
});

/** Attributes that hold what people wrote, of any JSON or under any name: kept as text, since a table's own maps cannot hold all of it. */
const OPAQUE = ["changes", "components", "delivered", "dependencies", "document", "recipe"] as const;

const packed = (attributes: Attributes): Record<string, unknown> => ({
  ...attributes,
  ...Object.fromEntries(
    OPAQUE.flatMap((name) => (attributes[name] === undefined ? [] : [[name, JSON.stringify(attributes[name])]])),
  ),
});

const unpacked = (item: Record<string, unknown>): Record<string, unknown> => ({
  ...item,
  ...Object.fromEntries(
    OPAQUE.flatMap((name) => (typeof item[name] === "string" ? [[name, JSON.parse(item[name])]] : [])),
  ),
});

const looked = new AsyncLocalStorage<Map<string, Attributes>>();

const placeOf = (table: TableName = "control", { pk, sk }: Key): string => `${table}\n${pk}\n${sk}`;

/** Notes what was read, by whoever wants to know of it: {@link remembering}. */
const note = <T extends object>(items: readonly T[], table?: TableName): void => {
  const seen = looked.getStore();
  for (const item of seen === undefined ? [] : items) seen?.set(placeOf(table, item as T & Key), item as Attributes);
};

/** Runs something, and remembers which items it reads meanwhile. */
export const remembering = <T>(run: () => T): T => looked.run(new Map(), run);

/** An item as it was last read within {@link remembering}; undefined when it was not. */
export const lastRead = (key: Key, table?: TableName): Attributes | undefined =>
  looked.getStore()?.get(placeOf(table, key));

const tableName = (table: TableName = "control"): string => env(table === "ota" ? "OTA_TABLE" : "CONTROL_TABLE");

/** The item, read consistently, or undefined. The caller states its type: only our own writes fill the tables. */
export const getItem = async <T extends object>(key: Key, table?: TableName): Promise<T | undefined> => {
  const { Item } = await client().send(
    new GetCommand({ TableName: tableName(table), Key: { pk: key.pk, sk: key.sk }, ConsistentRead: true }),
  );
  if (Item === undefined) return undefined;
  const item = unpacked(Item) as T;
  note([item], table);
  return item;
};

export interface ListQuery {
  readonly partition: string;
  readonly table?: TableName;
  /** At most this many items. */
  readonly limit?: number;
  /** The sort key after which to go on. */
  readonly after?: string | undefined;
  readonly newestFirst?: boolean;
  /** Only these attributes of each item. */
  readonly attributes?: readonly string[];
  /** Only items with a list that holds one of these values. */
  readonly holding?: { readonly attribute: string; readonly oneOf: readonly string[] };
}

/** One page of a partition, in the order of the sort key. `next` is the sort key to go on after, if there may be more. */
export const listItems = async <T extends object>(query: ListQuery): Promise<{ items: T[]; next?: string }> => {
  const expression = new Expression();
  const KeyConditionExpression = `pk = ${expression.value(query.partition)}`;
  const { attributes, holding } = query;
  const narrowed = {
    // The sort key is where the next page goes on.
    ...(attributes && { ProjectionExpression: ["sk", ...attributes].map((one) => expression.name(one)).join(", ") }),
    ...(holding && {
      FilterExpression: holding.oneOf
        .map((one) => `contains(${expression.name(holding.attribute)}, ${expression.value(one)})`)
        .join(" OR "),
    }),
  };
  const { Items = [], LastEvaluatedKey } = await client().send(
    new QueryCommand({
      TableName: tableName(query.table),
      KeyConditionExpression,
      ...narrowed,
      ...expression.attributes,
      ConsistentRead: true,
      ScanIndexForward: query.newestFirst !== true,
      // One more than asked for tells whether there is more, so that no last page is empty.
      ...(query.limit !== undefined && { Limit: query.limit + 1 }),
      ...(query.after !== undefined && { ExclusiveStartKey: { pk: query.partition, sk: query.after } }),
    }),
  );
  const items = Items.map(unpacked) as (T & Key)[];
  if (attributes === undefined) note(items, query.table); // of a part of an item nobody can tell what it was
  if (query.limit !== undefined && items.length > query.limit) {
    const page = items.slice(0, query.limit);
    return { items: page, ...(page.length > 0 && { next: String(page.at(-1)?.sk) }) };
  }
  return { items, ...(LastEvaluatedKey !== undefined && { next: String(LastEvaluatedKey.sk) }) };
};

type WholeQuery = Omit<ListQuery, "limit" | "after">;

/** All items of a partition, or those after a sort key, page by page. @param list `limit`: so many are read at a time */
export async function* eachItem<T extends object>(list: string | ListQuery): AsyncGenerator<T> {
  const query: ListQuery = typeof list === "string" ? { partition: list } : list;
  let { after } = query;
  do {
    const page: { items: T[]; next?: string } = await listItems<T>({ ...query, after });
    yield* page.items;
    after = page.next;
  } while (after !== undefined);
}

/** All items of a partition at once: for partitions that stay small, or of which few items or attributes are asked for. */
export const allItems = async <T extends object>(list: string | WholeQuery): Promise<T[]> =>
  Array.fromAsync(eachItem<T>(list));

export const isPartitionEmpty = async (partition: string, table?: TableName): Promise<boolean> =>
  (await listItems({ partition, limit: 1, ...(table && { table }) })).items.length === 0;

/** One page of an index's partition, newest first; eventually consistent, as all of DynamoDB's global indexes. */
export const listIndex = async <T extends object>(
  index: { readonly name: string; readonly pk: string; readonly sk: string },
  partition: string,
  options: { limit: number; after?: object | undefined; oldestFirst?: boolean; below?: string },
): Promise<{ items: T[]; next?: Record<string, unknown> }> => {
  const { Items = [], LastEvaluatedKey } = await client().send(
    new QueryCommand({
      TableName: tableName(),
      IndexName: index.name,
      KeyConditionExpression: options.below === undefined ? "#pk = :pk" : "#pk = :pk AND #sk < :below",
      ExpressionAttributeNames: { "#pk": index.pk, ...(options.below !== undefined && { "#sk": index.sk }) },
      ExpressionAttributeValues: {
        ":pk": partition,
        ...(options.below !== undefined && { ":below": options.below }),
      },
      ScanIndexForward: options.oldestFirst === true,
      Limit: options.limit,
      ...(options.after !== undefined && { ExclusiveStartKey: options.after }),
    }),
  );
  return { items: Items.map(unpacked) as T[], ...(LastEvaluatedKey !== undefined && { next: LastEvaluatedKey }) };
};

/**
 * Items of a partition, or of an index's, whose sort keys lie between two, newest first.
 * @param between both ends are in it
 * @param after the last item of the page before, with all attributes of its keys
 */
export const listBetween = async <T extends object>(
  { name, pk, sk }: { readonly name?: string; readonly pk: string; readonly sk: string },
  partition: string,
  between: readonly [string, string],
  options: { readonly limit: number; readonly after?: object | undefined },
): Promise<{ items: T[]; more: boolean }> => {
  const { Items = [], LastEvaluatedKey } = await client().send(
    new QueryCommand({
      TableName: tableName(),
      ...(name === undefined ? { ConsistentRead: true } : { IndexName: name }),
      KeyConditionExpression: "#pk = :pk AND #sk BETWEEN :from AND :to",
      ExpressionAttributeNames: { "#pk": pk, "#sk": sk },
      ExpressionAttributeValues: { ":pk": partition, ":from": between[0], ":to": between[1] },
      ScanIndexForward: false,
      Limit: options.limit,
      ...(options.after !== undefined && { ExclusiveStartKey: options.after }),
    }),
  );
  return { items: Items.map(unpacked) as T[], more: LastEvaluatedKey !== undefined };
};

/** As many keys as a BatchGetItem takes. */
const BATCH = 100;

/** The items with these keys, in the keys' order; absent ones are left out. */
export const getItems = async <T extends object>(keys: readonly Key[], name?: TableName): Promise<T[]> => {
  const batches = Array.from({ length: Math.ceil(keys.length / BATCH) }, (_, at) =>
    keys.slice(at * BATCH, (at + 1) * BATCH),
  );
  return (await Promise.all(batches.map((batch) => getBatch<T>(batch, name)))).flat();
};

const getBatch = async <T extends object>(keys: readonly Key[], name: TableName | undefined): Promise<T[]> => {
  const table = tableName(name);
  const found = new Map<string, T>();
  let wanted: Record<string, unknown>[] = keys.map(({ pk, sk }) => ({ pk, sk }));
  for (let attempt = 1; wanted.length > 0; attempt += 1) {
    if (attempt > 8) throw new AppError("unavailable", "DynamoDB left keys of a batch unread");
    if (attempt > 1) await pause(attempt);
    const answer = await client().send(
      new BatchGetCommand({ RequestItems: { [table]: { Keys: wanted, ConsistentRead: true } } }),
    );
    for (const item of answer.Responses?.[table] ?? []) found.set(`${item.pk}\n${item.sk}`, unpacked(item) as T);
    wanted = answer.UnprocessedKeys?.[table]?.Keys ?? [];
  }
  note([...found.values()], name);
  return keys.flatMap(({ pk, sk }) => found.get(`${pk}\n${sk}`) ?? []);
};

/** Full jitter, up to 10 ms, 20 ms, 40 ms … at most 1 s. */
const pause = (attempt: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(1_000, 5 * 2 ** attempt)));

type TransactItem = NonNullable<TransactWriteCommandInput["TransactItems"]>[number];

class Expression {
  readonly names: Record<string, string> = {};
  readonly values: Record<string, unknown> = {};

  name(attribute: string): string {
    const placeholder = `#${attribute.replace(/\W/g, "_")}`;
    this.names[placeholder] = attribute;
    return placeholder;
  }

  value(value: unknown): string {
    const placeholder = `:v${Object.keys(this.values).length}`;
    this.values[placeholder] = value;
    return placeholder;
  }

  condition(tests: Readonly<Record<string, Test>>): string {
    return Object.entries(tests)
      .map(([attribute, test]) => {
        const name = this.name(attribute);
        if (typeof test !== "object") return `${name} = ${this.value(test)}`;
        if ("exists" in test) return test.exists ? `attribute_exists(${name})` : `attribute_not_exists(${name})`;
        if ("in" in test) return `${name} IN (${test.in.map((value) => this.value(value)).join(", ")})`;
        return "below" in test ? `${name} < ${this.value(test.below)}` : `${name} > ${this.value(test.above)}`;
      })
      .join(" AND ");
  }

  get attributes() {
    return {
      ...(Object.keys(this.names).length > 0 && { ExpressionAttributeNames: this.names }),
      ...(Object.keys(this.values).length > 0 && { ExpressionAttributeValues: this.values }),
    };
  }
}

/** A write in DynamoDB's form. */
const transactItem = (write: Write): TransactItem => {
  const TableName = tableName(write.table);
  const expression = new Expression();
  switch (write.do) {
    case "create":
      return { Put: { TableName, Item: packed(write.item), ConditionExpression: "attribute_not_exists(pk)" } };
    case "put": {
      const condition = write.when && { ConditionExpression: expression.condition(write.when) };
      return { Put: { TableName, Item: packed(write.item), ...condition, ...expression.attributes } };
    }
    case "update": {
      const assigned = [
        ...Object.entries(packed(write.set ?? {})).map(([a, v]) => `${expression.name(a)} = ${expression.value(v)}`),
        ...Object.entries(write.setIfAbsent ?? {}).map(([attribute, value]) => {
          const name = expression.name(attribute);
          return `${name} = if_not_exists(${name}, ${expression.value(value)})`;
        }),
      ];
      const added = Object.entries(write.add ?? {}).map(([a, v]) => `${expression.name(a)} ${expression.value(v)}`);
      const removed = (write.remove ?? []).map((attribute) => expression.name(attribute));
      const UpdateExpression = [
        assigned.length > 0 ? `SET ${assigned.join(", ")}` : "",
        added.length > 0 ? `ADD ${added.join(", ")}` : "",
        removed.length > 0 ? `REMOVE ${removed.join(", ")}` : "",
      ]
        .filter(Boolean)
        .join(" ");
      const condition = write.when && { ConditionExpression: expression.condition(write.when) };
      return {
        Update: { TableName, Key: keyOf(write.key), UpdateExpression, ...condition, ...expression.attributes },
      };
    }
    case "delete": {
      const condition = write.when && { ConditionExpression: expression.condition(write.when) };
      return { Delete: { TableName, Key: keyOf(write.key), ...condition, ...expression.attributes } };
    }
    case "check": {
      const ConditionExpression = expression.condition(write.when);
      return { ConditionCheck: { TableName, Key: keyOf(write.key), ConditionExpression, ...expression.attributes } };
    }
  }
};

const keyOf = ({ pk, sk }: Key) => ({ pk, sk });

const refusal = (write: Write | undefined, cause: Error): AppError => {
  const { code, detail } = write?.otherwise ?? { code: "conflict", detail: "the item has changed meanwhile" };
  return new AppError(code, detail, { cause });
};

const sendSingle = async (write: Write): Promise<void> => {
  const { Put, Update, Delete } = transactItem(write);
  try {
    if (Put) await client().send(new PutCommand(Put));
    else if (Update) await client().send(new UpdateCommand(Update as typeof Update & { TableName: string }));
    else if (Delete) await client().send(new DeleteCommand(Delete));
  } catch (error) {
    throw error instanceof ConditionalCheckFailedException ? refusal(write, error) : error;
  }
};

/** An update by itself. @returns the attributes that it touched, as they are now @throws AppError as {@link transact} */
export const updated = async (write: Extract<Write, { do: "update" }>): Promise<Attributes> => {
  const { Update } = transactItem(write);
  const command = new UpdateCommand({
    ...(Update as NonNullable<typeof Update> & { Key: object }),
    ReturnValues: "UPDATED_NEW",
  });
  try {
    return (await client().send(command)).Attributes ?? {};
  } catch (error) {
    throw error instanceof ConditionalCheckFailedException ? refusal(write, error) : error;
  }
};

/** Adds one to a number of an item, making it where there is none. @returns what it is now */
export const increment = async (
  key: Key,
  table: TableName,
  attribute: string,
  set: Readonly<Record<string, number>>,
): Promise<number> => Number((await updated({ do: "update", table, key, set, add: { [attribute]: 1 } }))[attribute]);

/** How often a transaction that met another one on the same items is tried. */
const MAX_CONFLICTS = 12;

/**
 * Writes all or nothing, at most 100 writes.
 * @throws AppError with the first failed write's `otherwise` (default `conflict`); `throttled` when other transactions
 * kept getting in the way.
 */
export const transact = async (writes: readonly Write[]): Promise<void> => {
  const [only] = writes;
  if (only === undefined) return;
  if (writes.length === 1 && only.do !== "check") return sendSingle(only);
  const command = new TransactWriteCommand({ TransactItems: writes.map(transactItem) });
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client().send(command);
      return;
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const reasons = error.CancellationReasons ?? [];
      const failed = reasons.findIndex(({ Code }) => Code === "ConditionalCheckFailed");
      if (failed >= 0) throw refusal(writes[failed], error);
      const passing = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);
      if (!reasons.some(({ Code }) => passing.has(Code ?? ""))) throw error;
      if (attempt >= MAX_CONFLICTS) {
        throw new AppError("throttled", "too many changes of the same thing at once", { cause: error });
      }
      await pause(attempt);
    }
  }
};

/** Writes, unless it has changed meanwhile. @returns whether it did */
export const unlessChanged = async (write: Write): Promise<boolean> => {
  try {
    await transact([write]);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === "conflict") return false;
    throw error;
  }
};
