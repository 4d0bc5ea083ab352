import type { Emulation } from "../emulation.ts";
import { HANDLERS } from "./operations.ts";

/** What the stand-in for AWS IoT does, and where it differs. */
export const emulation: Emulation = {
  service: "AWS IoT",
  client: "@aws-sdk/client-iot",
  operations: Object.keys(HANDLERS),
  differences: [
    {
      of: "throttling",
      aws: "every operation has a quota of calls per second",
      here: "none, unless the switch asks for AWS's default quotas; bursts are one second's worth",
    },
    {
      of: "memberships of thing groups",
      aws: "a change is seen after a while",
      here: "at once, or after the lag that the switch asks for; jobs follow at once",
    },
    {
      of: "DetachThingPrincipal",
      aws: "asynchronous: the thing cannot be deleted for some seconds",
      here: "done when it is answered",
    },
    {
      of: "DetachPolicy",
      aws: "the policy cannot be deleted for up to five minutes",
      here: "done when it is answered",
    },
    {
      of: "DeleteThingType",
      aws: "five minutes after its deprecation",
      here: "after the time that the cloud is started with",
    },
    {
      of: "things that come back to a group",
      aws: "what was REMOVED when they left can be restarted; it is not documented when",
      here: "a new execution is queued, or none, as the switch says",
    },
    {
      of: "DeleteJob, CancelJob",
      aws: "take their time, with DELETION_IN_PROGRESS and isConcurrent meanwhile",
      here: "done when they are answered",
    },
    {
      of: "CreateJob",
      aws: "documents in S3, templates, presigned URLs and placeholders, schedules, package versions",
      here: "501: inline documents alone",
    },
    {
      of: "quotas of jobs",
      aws: "active and concurrent jobs of an account; data of jobs is kept for 730 days",
      here: "no such quotas; kept until it is deleted",
    },
    { of: "job execution time-outs", aws: "up to 60 seconds late", here: "on time; no step timers" },
    {
      of: "CreateProvisioningClaim",
      aws: "what a template that is not enabled, or not for fleets, answers is not documented",
      here: "InvalidRequestException",
    },
    {
      of: "UpdateCertificate of a revoked certificate",
      aws: "revoking is said to prevent any future use; what making it active again answers is not documented",
      here: "CertificateStateException",
    },
    {
      of: "role ARNs",
      aws: "the role must exist, and the caller must be allowed to pass it",
      here: "any ARN is taken",
    },
    {
      of: "device certificates",
      aws: "signed by Amazon's CA",
      here: "signed by a CA of the data folder",
    },
    {
      of: "certificates of one's own CA, and transfers",
      aws: "RegisterCACertificate, RegisterCertificate, TransferCertificate and theirs",
      here: "501: RegisterCertificateWithoutCA alone",
    },
    {
      of: "dynamic groups, billing groups, fleet indexing, SearchIndex",
      aws: "a group can be a query; things belong to billing groups; things can be searched",
      here: "501; a billing group is ResourceNotFoundException for CreateThing",
    },
    {
      of: "RegisterThing, job templates, thing registration tasks, rules, authorizers, Device Defender, domains",
      aws: "operations of AWS IoT",
      here: "501",
    },
    {
      of: "events of things, groups and jobs",
      aws: "published to $aws/events topics when they are turned on",
      here: "none",
    },
  ],
};
