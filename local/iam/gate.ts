import type { AccessOf } from "./actions.ts";
import { AccessDenied, callerOf, type Identities, UnknownCredentials } from "./identities.ts";

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Lets a request of a service pass, or throws the error that the service answers. */
export type Gate = (operation: string, input: unknown, headers: Headers) => void;

/**
 * The gate of a service that is called with signed headers. An operation that {@link AccessOf} does not know is
 * asked for on every resource, which developers may do, and no role of ours.
 *
 * @param refuse the service's own error, with AWS's code
 */
export const gate =
  (
    identities: Identities,
    service: string,
    accessOf: AccessOf,
    refuse: (code: "AccessDeniedException" | "UnrecognizedClientException", message: string) => Error,
  ): Gate =>
  (operation, input, headers) => {
    const caller = callerOf(headers);
    try {
      // The service refuses an input that is no object, for whoever may ask for the operation.
      const members = typeof input === "object" && input !== null ? (input as Readonly<Record<string, unknown>>) : {};
      identities.authorize(
        caller,
        accessOf(operation, members) ?? [{ action: `${service}:${operation}`, resource: "*" }],
      );
    } catch (error) {
      if (error instanceof AccessDenied) throw refuse("AccessDeniedException", error.message);
      if (error instanceof UnknownCredentials) throw refuse("UnrecognizedClientException", error.message);
      throw error;
    }
  };
