/**
 * The nucleus's names for why a deployment fails, and the types that it files them under: DeploymentErrorCode in
 * https://github.com/aws-greengrass/aws-greengrass-nucleus, explained in
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/troubleshooting-deployment.html . Those without a type say
 * where it failed, and the name after them why.
 */
const TYPES = {
  DEPLOYMENT_FAILURE: undefined,
  DEPLOYMENT_REJECTED: undefined,
  REJECTED_STALE_DEPLOYMENT: undefined,
  ARTIFACT_DOWNLOAD_ERROR: undefined,
  NO_AVAILABLE_COMPONENT_VERSION: undefined,
  COMPONENT_PACKAGE_LOADING_ERROR: undefined,
  CLOUD_API_ERROR: undefined,
  COMPONENT_UPDATE_ERROR: undefined,
  DEPLOYMENT_DOCUMENT_NOT_VALID: "CLOUD_SERVICE_ERROR",
  RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE: "CLOUD_SERVICE_ERROR",
  NUCLEUS_MISSING_REQUIRED_CAPABILITIES: "REQUEST_ERROR",
  COMPONENT_CIRCULAR_DEPENDENCY_ERROR: "REQUEST_ERROR",
  COMPONENT_VERSION_REQUIREMENTS_NOT_MET: "REQUEST_ERROR",
  RESOURCE_NOT_FOUND: "REQUEST_ERROR",
  CONFLICTED_REQUEST: "REQUEST_ERROR",
  THROTTLING_ERROR: "REQUEST_ERROR",
  BAD_REQUEST: "NUCLEUS_ERROR",
  ACCESS_DENIED: "PERMISSION_ERROR",
  RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED: "PERMISSION_ERROR",
  GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED: "PERMISSION_ERROR",
  CREDENTIAL_ENDPOINT_AUTH_FAILURE: "PERMISSION_ERROR",
  SERVER_ERROR: "SERVER_ERROR",
  NETWORK_ERROR: "NETWORK_ERROR",
  HTTP_REQUEST_ERROR: "HTTP_ERROR",
  DOWNLOAD_GREENGRASS_ARTIFACT_ERROR: "HTTP_ERROR",
  RECIPE_PARSE_ERROR: "COMPONENT_RECIPE_ERROR",
  RECIPE_MISSING_MANIFEST: "COMPONENT_RECIPE_ERROR",
  ARTIFACT_URI_NOT_VALID: "COMPONENT_RECIPE_ERROR",
  S3_ARTIFACT_URI_NOT_VALID: "COMPONENT_RECIPE_ERROR",
  UNSUPPORTED_ARTIFACT_SCHEME: "COMPONENT_RECIPE_ERROR",
  RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM: "COMPONENT_RECIPE_ERROR",
  ARTIFACT_CHECKSUM_MISMATCH: "COMPONENT_RECIPE_ERROR",
  IO_ERROR: undefined,
  IO_WRITE_ERROR: "DEVICE_ERROR",
  IO_UNZIP_ERROR: "DEVICE_ERROR",
  S3_ERROR: "DEPENDENCY_ERROR",
  S3_RESOURCE_NOT_FOUND: "DEPENDENCY_ERROR",
  S3_BAD_REQUEST: "DEPENDENCY_ERROR",
  S3_ACCESS_DENIED: "PERMISSION_ERROR",
  S3_GET_OBJECT_ACCESS_DENIED: "PERMISSION_ERROR",
  S3_GET_OBJECT_RESOURCE_NOT_FOUND: "REQUEST_ERROR",
  S3_SERVER_ERROR: "SERVER_ERROR",
  COMPONENT_BROKEN: "USER_COMPONENT_ERROR",
} as const;

export type ErrorCode = keyof typeof TYPES;

/** Why a deployment fails: names from the most general to the most specific, without the first, which all have. */
export class DeploymentError extends Error {
  readonly codes: readonly ErrorCode[];

  constructor(codes: readonly ErrorCode[], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DeploymentError";
    this.codes = codes;
  }
}

/** Each type once, in the order of the names. */
export const typesOf = (codes: readonly ErrorCode[]): string[] => [
  ...new Set(codes.map((code) => TYPES[code]).filter((type) => type !== undefined)),
];
