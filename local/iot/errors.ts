import { AwsError } from "../aws-json/errors.ts";

/** Errors of the AWS IoT API: https://docs.aws.amazon.com/iot/latest/apireference/CommonErrors.html */
export const invalidRequest = (message: string): AwsError => new AwsError("InvalidRequestException", 400, message);

export const notFound = (message: string): AwsError => new AwsError("ResourceNotFoundException", 404, message);

export const alreadyExists = (message: string, resourceId: string, resourceArn: string): AwsError =>
  new AwsError("ResourceAlreadyExistsException", 409, message, { resourceId, resourceArn });

export const versionConflict = (expected: number, actual: number): AwsError =>
  new AwsError("VersionConflictException", 409, `Expected version ${expected}, but the current version is ${actual}`);

export const deleteConflict = (message: string): AwsError => new AwsError("DeleteConflictException", 409, message);

export const limitExceeded = (message: string): AwsError => new AwsError("LimitExceededException", 410, message);

export const versionsLimitExceeded = (message: string): AwsError =>
  new AwsError("VersionsLimitExceededException", 409, message);

export const malformedPolicy = (message: string): AwsError => new AwsError("MalformedPolicyException", 400, message);

export const invalidStateTransition = (message: string): AwsError =>
  new AwsError("InvalidStateTransitionException", 409, message);

/** What AWS does and this does not: refused rather than done otherwise. */
export const notEmulated = (what: string): AwsError => new AwsError("NotImplemented", 501, `${what} is not emulated`);

export const invalidToken = (): AwsError => invalidRequest("The token is not valid");
