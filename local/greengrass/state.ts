import type * as client from "@aws-sdk/client-greengrassv2";
import type { Handlers } from "../aws-json/operations.ts";
import type { Store } from "../aws-json/store.ts";

export type GreengrassClientModule = typeof client;

/** What every handler works on. */
export interface Greengrass {
  readonly store: Store;
  readonly region: string;
  readonly accountId: string;
  targetExists(arn: string): boolean;
  /** Reads the artifacts of a component version that was just requested, without waiting for the end. */
  initiate(arn: string): void;
  /** The ARN of this account's resource: `arn:aws:greengrass:region:account:` before `resource`. */
  arn(resource: string): string;
}

export type GreengrassHandlers = Handlers<GreengrassClientModule, Greengrass>;

/** Where a listing operation names none: small enough that a client which forgets to page is found out. */
export const DEFAULT_PAGE = 25;
