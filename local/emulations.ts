import { credentialsEmulation, dataPlaneEmulation } from "./device-http/emulation.ts";
import { emulation as dynamodb, streamsEmulation as dynamodbStreams } from "./dynamodb-emulation.ts";
import type { Emulation } from "./emulation.ts";
import { emulation as eventSourceMapping } from "./event-source-mapping/emulation.ts";
import { emulation as events } from "./events/emulation.ts";
import { emulation as greengrass } from "./greengrass/emulation.ts";
import { emulation as iot } from "./iot/emulation.ts";
import { emulation as kms } from "./kms/emulation.ts";
import { emulation as lambda } from "./lambda/emulation.ts";
import { emulation as mqtt } from "./mqtt/emulation.ts";
import { emulation as s3 } from "./s3/emulation.ts";
import { emulation as stepFunctions } from "./step-functions/emulation.ts";

const gateway: Emulation = {
  service: "API Gateway (HTTP API)",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "401 of a request without the header Authorization",
      aws: '`{"message":"Unauthorized"}`, which cannot be changed',
      here: "a problem document that holds that member",
    },
    {
      of: "Lambda authorisers",
      aws: "simple responses or policies; verdicts are kept for each value of the identity sources",
      here: "simple responses by the header Authorization; at most 10,000 verdicts are kept",
    },
    { of: "own refusals (413 past 10 MB, 500 of a broken function)", aws: '`{"message":…}`', here: "the same" },
    { of: "throttling", aws: "10,000/s with bursts of 5,000, and the stage's own limits", here: "none" },
    { of: "CORS, access logs, custom domains", aws: "configured on the stage", here: "none" },
    { of: "TLS", aws: "HTTPS alone", here: "HTTP on loopback" },
  ],
};

const cdn: Emulation = {
  service: "CloudFront",
  client: undefined,
  operations: [],
  differences: [
    { of: "edge locations", aws: "hundreds, each with a cache", here: "one, with 64 MB in memory" },
    {
      of: "edge functions",
      aws: "CloudFront's JavaScript runtime, under a millisecond of CPU time",
      here: "the same source, in Node.js",
    },
    {
      of: "origin access control",
      aws: "signs requests to the bucket and the function URL",
      here: "calls both directly",
    },
    {
      of: "WAF's budget of requests per address",
      aws: "counted about every ten seconds, across all locations",
      here: "exact, and only with --ota-requests",
    },
    {
      of: "geo restrictions, reputation lists, logs, HTTP/2 and 3, TLS",
      aws: "configured on the distribution",
      here: "none",
    },
    { of: "invalidation", aws: "CreateInvalidation", here: "none from outside" },
  ],
};

const identity: Emulation = {
  service: "Identity (OIDC, Cognito, IAM, STS)",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "issuer",
      aws: "any OIDC issuer that the stage names",
      here: "one that gives a token for any subject to who can read the data folder",
    },
    {
      of: "IAM",
      aws: "every call is allowed or denied by policies",
      here: "`--enforce-iam`: policies of functions and workflows, in statements that allow or deny actions on resources, with variables and the conditions StringEquals, StringLike, ArnLike and ArnEquals; a policy with anything else stops the start. Without it, every known key may do anything. Devices' role always; developers always may. No boundaries, no resource policies",
    },
    {
      of: "SigV4",
      aws: "verified by every service",
      here: "verified by S3; the others look at the access key alone, and take any signature",
    },
    {
      of: "STS",
      aws: "temporary credentials for roles",
      here: "no API: each role of a function or workflow has a key pair and session token of its own; devices get theirs from the credentials provider",
    },
    {
      of: "dependent actions",
      aws: "Greengrass does part of its work in AWS IoT with the caller's permissions; on which resources is not documented",
      here: "those of the service authorization reference, on the things and groups that the target names",
    },
  ],
};

const observability: Emulation = {
  service: "CloudWatch, X-Ray",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "logs",
      aws: "a log group for each function, kept as long as the stage says",
      here: "`logs/functions.jsonl` and `logs/cloud.jsonl` of the data folder, 64 MB and the one before",
    },
    {
      of: "logs of devices",
      aws: "written by the log manager with the device's role",
      here: "none: no CloudWatch Logs",
    },
    { of: "metrics, alarms, traces", aws: "CloudWatch and X-Ray", here: "none" },
  ],
};

/** Every stand-in, in the order of the document. */
export const emulations: readonly Emulation[] = [
  s3,
  iot,
  greengrass,
  stepFunctions,
  dynamodb,
  dynamodbStreams,
  lambda,
  events,
  kms,
  eventSourceMapping,
  gateway,
  cdn,
  identity,
  mqtt,
  dataPlaneEmulation,
  credentialsEmulation,
  observability,
];
