import type { Emulation } from "../emulation.ts";
import { operationsOf } from "./operations.ts";

/** What this engine has of Amazon EventBridge, and where it differs. */
export const emulation: Emulation = {
  service: "Amazon EventBridge",
  client: "@aws-sdk/client-eventbridge",
  operations: [
    ...operationsOf({ region: "", accountId: "", rules: [], buses: new Set<string>(), accept: () => [] }).keys(),
  ].sort(),
  differences: [
    {
      of: "rules, buses",
      aws: "Are made and changed by requests.",
      here: "Are the declared ones; a request that would change them is 501.",
    },
    {
      of: "targets",
      aws: "Up to five a rule, of many services.",
      here: "One function a rule; its input is whole or fixed.",
    },
    {
      of: "retries of a function that fails",
      aws: "Lambda waits one minute, then two.",
      here: "200 ms, then 1 s; three attempts in all as on AWS.",
    },
    {
      of: "retries of a function that is throttled",
      aws: "Lambda waits 1 s to 5 minutes, for six hours.",
      here: "200 ms to 30 s, for six hours.",
    },
    {
      of: "retries of the delivery to Lambda",
      aws: "185 times within 24 hours.",
      here: "None: the hand-over is a write to the disk, in one transaction with the event.",
    },
    {
      of: "dead letters",
      aws: "A rule's queue gets what EventBridge could not hand over, a function's destination what it failed on.",
      here: "One queue a rule gets both, in the form of the function's destination; `npm run dlq` lists and replays it.",
    },
    {
      of: "a bus that does not exist",
      aws: "PutEvents succeeds and the event is gone.",
      here: "The same; the log tells of it.",
    },
    {
      of: "cron",
      aws: "Knows L, W and #.",
      here: "An expression with them is refused at the start.",
    },
    {
      of: "schedules",
      aws: "Run whether the run before has ended or not; a rate counts from the rule's making.",
      here: "Leave a run out while the one before is at work; a rate counts from the start of the cloud.",
    },
    { of: "order", aws: "None.", here: "None is promised; events of one request mostly come in theirs." },
    {
      of: "archives, replays, pipes, global endpoints, other accounts' buses, input transformers",
      aws: "Exist.",
      here: "501.",
    },
    {
      of: "limits",
      aws: "Requests and invocations a second.",
      here: "32 functions at once; no throttling but by faults.",
    },
  ],
};
