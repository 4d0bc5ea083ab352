import type { Emulation } from "../emulation.ts";

const CERTIFICATE = {
  of: "a certificate that is unknown, inactive, revoked, not yet or no more valid, or missing",
  aws: "Does not get through; whether it is TLS or HTTP that refuses is not documented.",
} as const;

const SNI = {
  of: "Server Name Indication",
  aws: "Must name the endpoint.",
  here: "Is not looked at: clients of an address send none.",
} as const;

const STATUS = {
  of: "a certificate that is revoked or made inactive",
  aws: "May go on for minutes.",
  here: "Is refused from the next request on, on an open connection too.",
} as const;

/** What there is of the Greengrass data plane, which has no SDK for JavaScript, and where it differs. */
export const dataPlaneEmulation: Emulation = {
  service: "AWS IoT Greengrass V2: data plane",
  client: undefined,
  operations: [],
  differences: [
    {
      of: "emulated",
      aws: "ListThingGroupsForCoreDevice, ResolveComponentCandidates",
      here: "as on AWS",
    },
    {
      of: "GetComponentVersionArtifact",
      aws: "A presigned URL of an artifact that Greengrass keeps, of a public or a Lambda component.",
      here: "ResourceNotFoundException for whom the policy allows: no component here has such an artifact.",
    },
    {
      of: "GetDeploymentConfiguration, PutCertificateAuthorities, VerifyClientDeviceIdentity, VerifyClientDeviceIoTCertificateAssociation, connectivity information, discovery; IoT Core's topics, shadows and jobs over HTTPS",
      aws: "Exist; most paths are not documented.",
      here: "501, as every path that is not known. Deployments that a device would have to download are refused when they are made.",
    },
    { ...CERTIFICATE, here: "The connection is made, and each request is 403 ForbiddenException." },
    STATUS,
    SNI,
    {
      of: "IoT policies",
      aws: "Those of the certificate, not of thing groups; iot:Connection.Thing variables are not supported.",
      here: "The same; no variable has a value. NotAction, NotResource and conditions but of strings and ARNs are 500.",
    },
    {
      of: "the resource of ResolveComponentCandidates",
      aws: "A component version; whether before or after the resolution is not documented.",
      here: "Any version of each candidate: a policy for some versions of a component alone allows none.",
    },
    {
      of: "a core device that is not the certificate's own thing",
      aws: "Not documented.",
      here: "403 ForbiddenException, whatever the policy allows.",
    },
    {
      of: "ResolveComponentCandidates",
      aws: "Compares digests with the device's.",
      here: "Compares versions alone.",
    },
    {
      of: "refusals",
      aws: "Status 403; code and message are not documented.",
      here: "ForbiddenException and `Forbidden`.",
    },
    { of: "pages of ListThingGroupsForCoreDevice", aws: "Sizes are not documented.", here: "One page." },
    { of: "throttling", aws: "Not documented.", here: "None, but for faults that are asked for." },
  ],
};

/** The same of AWS IoT's credentials provider. */
export const credentialsEmulation: Emulation = {
  service: "AWS IoT: credentials provider",
  client: undefined,
  operations: [],
  differences: [
    { ...CERTIFICATE, here: "The connection is made, and each request is 403 AccessDeniedException." },
    STATUS,
    SNI,
    {
      of: "IoT policies",
      aws: "The certificate's; whether those of thing groups and variables count is not documented.",
      here: "The certificate's own; no variable has a value.",
    },
    {
      of: "roles",
      aws: "Any that trusts credentials.iot.amazonaws.com.",
      here: "The stage's device role, as it is declared; its trust policy is evaluated. Sessions of one hour at most, as IAM's default is.",
    },
    {
      of: "credentials",
      aws: "Are STS's, for every service that the role's policy allows.",
      here: "Are good for S3 alone, where the role's policy is always evaluated, with or without `--enforce-iam`; other services do not know them, and DynamoDB without `--enforce-iam` takes any. They outlive a restart, and their certificate.",
    },
    {
      of: "error codes beside the messages",
      aws: "AccessDeniedException for 403; the others are not documented.",
      here: "ResourceNotFoundException for 404, InvalidRequestException for 400.",
    },
    { of: "throttling", aws: "Quotas of requests a second.", here: "None, but for faults that are asked for." },
  ],
};
