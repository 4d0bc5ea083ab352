import { AwsError } from "../aws-json/errors.ts";

/** Errors of the AWS IoT Greengrass V2 API: https://docs.aws.amazon.com/greengrass/v2/APIReference/CommonErrors.html */
export const invalidField = (message: string): AwsError =>
  new AwsError("ValidationException", 400, message, { reason: "FIELD_VALIDATION_FAILED" });

export const invalid = (message: string): AwsError =>
  new AwsError("ValidationException", 400, message, { reason: "OTHER" });

type ResourceType = "COMPONENT" | "DEPLOYMENT" | "CORE_DEVICE" | "TARGET" | "RESOURCE";

export const notFound = (message: string, resourceId: string, resourceType: ResourceType): AwsError =>
  new AwsError("ResourceNotFoundException", 404, message, { resourceId, resourceType });

export const conflict = (message: string, resourceId: string, resourceType: ResourceType): AwsError =>
  new AwsError("ConflictException", 409, message, { resourceId, resourceType });

export const quotaExceeded = (message: string, resourceId: string, resourceType: ResourceType): AwsError =>
  // The codes are Service Quotas' own, which has no stand-in to give them.
  new AwsError("ServiceQuotaExceededException", 402, message, {
    resourceId,
    resourceType,
    quotaCode: "UNKNOWN",
    serviceCode: "greengrass",
  });

/** What AWS does and this stand-in does not. */
export const notEmulated = (what: string): AwsError =>
  new AwsError("NotImplemented", 501, `greengrass: ${what} is not emulated`);

export const invalidToken = (): AwsError => invalidField("The nextToken is not valid");
