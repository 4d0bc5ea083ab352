/**
 * An answer that is not a success: the service's error code, its HTTP status, and the modeled exception's further
 * members (such as `resourceId`). Handlers throw it; the server turns it into what a real client reads as that
 * exception.
 */
export class AwsError extends Error {
  readonly code: string;
  readonly status: number;
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(code: string, status: number, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.extra = extra;
  }
}

/** The answer to a request that cannot be read at all: not JSON, or a member of the wrong JSON type. */
export const serializationError = (message: string): AwsError => new AwsError("SerializationException", 400, message);
