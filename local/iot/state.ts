import type * as client from "@aws-sdk/client-iot";
import type { Handlers } from "../aws-json/operations.ts";
import type { Store } from "../aws-json/store.ts";
import type { ArnKind } from "./arns.ts";
import type { DeviceCa } from "./ca.ts";
import type { Clock } from "./clock.ts";
import type { Outbox } from "./outbox.ts";

/** The types of AWS IoT's client; its values are loaded by the server only. */
export type IotClientModule = typeof client;

/** What every handler works on. */
export interface Iot {
  readonly store: Store;
  readonly region: string;
  readonly accountId: string;
  /** How long a thing type must have been deprecated before it can be deleted; five minutes on AWS. */
  readonly thingTypeCooldownMs: number;
  /** How long it takes until a change of a membership can be seen. */
  readonly membershipLagMs: number;
  /** Whether a thing that comes back to a group runs anew what was REMOVED when it left. */
  readonly restartOnReattach: boolean;
  readonly clock: Clock;
  readonly ca: DeviceCa;
  /** What the transaction under way has to tell. */
  readonly outbox: Outbox;
  /** Sets the timer of jobs anew, after their times may have changed. */
  wake(): void;
  readonly endpoints: { readonly data: string; readonly credentials: string; readonly jobs: string };
  /** The ARN of this account's resource. */
  arn(kind: ArnKind, name: string): string;
}

export type IotHandlers = Handlers<IotClientModule, Iot>;

/** Where a listing operation names none: small enough that a client which forgets to page is found out. */
export const DEFAULT_PAGE = 25;

/** A name and a value, as an SQLite column holds it: JSON text of an object of strings. */
export const parseStrings = (text: string): Record<string, string> => JSON.parse(text) as Record<string, string>;

/** JSON text that is equal for equal objects, whatever the order of their keys. */
export const canonical = (value: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))));
