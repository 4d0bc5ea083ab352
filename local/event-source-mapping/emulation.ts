import type { Emulation } from "../emulation.ts";

/** What the event source mappings have of Lambda's, and where they differ. They are made by declaration alone. */
export const emulation: Emulation = {
  service: "AWS Lambda: event source mappings of DynamoDB streams",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "mappings",
      aws: "Are made and changed by requests.",
      here: "Are the declared ones; Lambda has no port here.",
    },
    {
      of: "shards",
      aws: "Partitions of a table have one each, which split and close.",
      here: "One; `--stream-shards N` spreads records over N by partition key, each at a pace of its own.",
    },
    {
      of: "at least once",
      aws: "A batch comes again now and then.",
      here: "After a kill, and as often as `--redeliver P` says.",
    },
    {
      of: "starting position",
      aws: "TRIM_HORIZON or LATEST.",
      here: "TRIM_HORIZON.",
    },
    {
      of: "records that nobody processed",
      aws: "Are gone from the stream after 24 hours.",
      here: "Stay until they are processed or too old for their mapping.",
    },
    {
      of: "a function that is throttled",
      aws: "Is tried until its records are too old; no attempt is counted.",
      here: "The same.",
    },
    {
      of: "pauses between tries",
      aws: "Exponential; not documented.",
      here: "50 ms to 5 s, with jitter.",
    },
    {
      of: "attempts after progress within a batch",
      aws: "Not documented.",
      here: "Begin anew with the first record that is left.",
    },
    {
      of: "ParallelizationFactor, tumbling windows, metrics",
      aws: "Exist.",
      here: "None.",
    },
    {
      of: "dead letters",
      aws: "Name the records by their numbers in the stream.",
      here: "Hold the records and the function's error as well; `npm run dlq` lists and replays them.",
    },
    {
      of: "filters",
      aws: "At most 5 a mapping, 10 on request; the page on DynamoDB names the key `dynamodb` alone.",
      here: "As many as are declared; every key of the record, as in AWS's own example for expired items.",
    },
  ],
};
