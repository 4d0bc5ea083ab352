import type { Emulation } from "../emulation.ts";
import { handlers } from "./handlers.ts";

/** What this engine has of AWS IoT Greengrass V2, and where it differs. */
export const emulation: Emulation = {
  service: "AWS IoT Greengrass V2",
  client: "@aws-sdk/client-greengrassv2",
  operations: Object.keys(handlers).sort(),
  differences: [
    {
      of: "CreateComponentVersion of a Lambda function",
      aws: "Makes a recipe and artifacts of the function.",
      here: "501.",
    },
    {
      of: "an artifact that cannot be read",
      aws: "The request is refused (ValidationException); the API also documents state FAILED with the artifact's URI.",
      here: "State FAILED; `unreadableArtifacts: refuse` refuses at once.",
    },
    {
      of: "DEPRECATED versions, vendor guidance",
      aws: "AWS discontinues and deletes public versions.",
      here: "Every version is ACTIVE.",
    },
    {
      of: "public components",
      aws: "Dozens, with every version, their lifecycle and artifacts.",
      here: "A sample of names, versions and dependencies; their recipes have no lifecycle and no artifacts. Others are ResourceNotFoundException.",
    },
    {
      of: "artifacts",
      aws: "Lie in the account's buckets, and are copied for Lambda and public components.",
      here: "Lie in the S3 stand-in's buckets; not copied.",
    },
    {
      of: "GetComponentVersionArtifact",
      aws: "For public and Lambda components; devices read others from S3 by their role.",
      here: "ResourceNotFoundException always: no component here has an artifact that Greengrass keeps.",
    },
    {
      of: "ResolveComponentCandidates",
      aws: "On the data plane alone.",
      here: "On the control plane's port as well, for developers.",
    },
    {
      of: "deployments to one thing",
      aws: "Go through the thing's shadow.",
      here: "Recorded only: QUEUED until the device reports an outcome by its health message.",
    },
    {
      of: "deployment documents past 7 KB (thing) and 31 KB (group)",
      aws: "Devices with large configuration support download them, up to 6 MB.",
      here: "501.",
    },
    { of: "subdeployments (parentTargetArn)", aws: "Deploy to a part of a parent's fleet.", here: "501." },
    {
      of: "status of a superseded revision",
      aws: "Not documented; its job is canceled.",
      here: "INACTIVE; its job is canceled.",
    },
    {
      of: "removed components",
      aws: "Not documented how a partial health message tells of them.",
      here: "A dependency that a deployment's message lists for no deployment is gone.",
    },
    {
      of: "telemetry, discovery, certificate authorities",
      aws: "Devices report telemetry, client devices discover cores.",
      here: "None; associations and connectivity are kept and listed.",
    },
    {
      of: "events",
      aws: "Best effort: may be lost, repeated, out of order.",
      here: "Once and in order; a kill may lose those of what was stored last, and delay those of groups' deployments until the start.",
    },
    {
      of: "eventual consistency",
      aws: "Not documented.",
      here: "Shows at once.",
    },
    { of: "pages", aws: "Sizes are not documented but for ListDeployments (50).", here: "25; ListDeployments 50." },
    {
      of: "throttling",
      aws: "1 CreateComponentVersion a second, 30 other requests.",
      here: "Off; `throttling: aws` has these rates, with bursts of a second's worth.",
    },
    {
      of: "authorization",
      aws: "IAM policies.",
      here: "IAM with `--enforce-iam`, dependent actions on the target alone.",
    },
  ],
};
