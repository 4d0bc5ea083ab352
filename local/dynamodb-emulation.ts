import type { Emulation } from "./emulation.ts";

/** What the engine answers, as `tests/local/dynamodb.test.ts` finds by asking it for every operation. */
export const emulation: Emulation = {
  service: "Amazon DynamoDB",
  client: "@aws-sdk/client-dynamodb",
  otherwise: "400 UnknownOperationException",
  operations: [
    "BatchExecuteStatement",
    "BatchGetItem",
    "BatchWriteItem",
    "CreateTable",
    "DeleteItem",
    "DeleteTable",
    "DescribeTable",
    "DescribeTimeToLive",
    "ExecuteStatement",
    "ExecuteTransaction",
    "GetItem",
    "ListTables",
    "ListTagsOfResource",
    "PutItem",
    "Query",
    "Scan",
    "SearchVectors",
    "TagResource",
    "TransactGetItems",
    "TransactWriteItems",
    "UntagResource",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
  ],
  differences: [
    {
      of: "the engine",
      aws: "DynamoDB.",
      here: "dynoxide, a program of its own over SQLite, for Linux x64; elsewhere the endpoint in `SLIPWAY_DYNAMODB_ENDPOINT`.",
    },
    {
      of: "operations that are not emulated",
      aws: "Exist.",
      here: "400 UnknownOperationException, by the engine, in place of 501.",
    },
    { of: "signatures", aws: "Are verified.", here: "A request must have a signature; any one will do." },
    { of: "ARNs", aws: "Name region and account.", here: "Name the region `dynoxide` and the account `000000000000`." },
    {
      of: "consistency",
      aws: "Reads and indexes are consistent after a while, unless asked for.",
      here: "Always consistent.",
    },
    {
      of: "throughput",
      aws: "3,000 reads and 1,000 writes a second and partition, then throttled; hot partitions.",
      here: "No limit but the machine's; faults throttle.",
    },
    {
      of: "TransactWriteItems",
      aws: "Fails when others write the same items.",
      here: "One after the other: never fails for that.",
    },
    {
      of: "time to live",
      aws: "Deletes within days.",
      here: "Deletes within seconds, in transactions of 100; not of tables with vector indexes.",
    },
    {
      of: "UpdateTimeToLive",
      aws: "Refuses to enable what is enabled; takes up to an hour.",
      here: "Takes effect at once, however often.",
    },
    { of: "backups, point-in-time recovery, exports, imports, global tables, DAX", aws: "Exist.", here: "None." },
    {
      of: "table classes, capacity, encryption",
      aws: "Are as declared.",
      here: "Are answered as declared, and mean nothing.",
    },
  ],
};

/** The same of the streams, which have a client of their own. */
export const streamsEmulation: Emulation = {
  service: "Amazon DynamoDB Streams",
  client: "@aws-sdk/client-dynamodb-streams",
  otherwise: "400 UnknownOperationException",
  operations: ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"],
  differences: [
    {
      of: "shards",
      aws: "Partitions have one each; they split, and close after hours.",
      here: "One a stream, which never closes, though it has an EndingSequenceNumber.",
    },
    { of: "sequence numbers", aws: "21 digits or more.", here: "1, 2, 3 and so on." },
    {
      of: "retention",
      aws: "24 hours.",
      here: "Until every mapping has processed them, and 5,000 more.",
    },
    {
      of: "a write that changes nothing",
      aws: "Makes no record.",
      here: "Makes one, which the event source mappings drop; other readers of the stream see it.",
    },
    {
      of: "userIdentity of what expired",
      aws: "`Type` and `PrincipalId`.",
      here: "The mappings give functions what AWS gives; other readers of the stream get an empty object.",
    },
    {
      of: "iterators",
      aws: "Expire after 15 minutes; five reads a second and shard, two readers a shard.",
      here: "Never expire; no limits.",
    },
    { of: "SizeBytes", aws: "Of the record.", here: "The engine's estimate." },
  ],
};
