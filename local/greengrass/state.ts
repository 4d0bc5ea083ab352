import type * as client from "@aws-sdk/client-greengrassv2";
import type { Handlers } from "../aws-json/operations.ts";
import type { Store } from "../aws-json/store.ts";
import type { ServiceEvent } from "../events.ts";
import type { JobsPort } from "../iot/jobs-port.ts";
import type { ReadArtifact } from "./artifacts.ts";

export type GreengrassClientModule = typeof client;

/** What every handler works on. */
export interface Greengrass {
  readonly store: Store;
  readonly region: string;
  readonly accountId: string;
  /** Undefined where there is no AWS IoT to give jobs to: deployments are only recorded. */
  readonly jobs: JobsPort | undefined;
  readonly readArtifact: ReadArtifact;
  /** Whether an artifact that cannot be read refuses its component version at once. */
  readonly refusesUnreadable: boolean;
  /** The client tokens of requests that are being processed. */
  readonly inProgress: Set<string>;
  targetExists(arn: string): boolean;
  /** Reads the artifacts of a component version that was just requested, without waiting for the end. */
  initiate(arn: string): void;
  /** What the transaction under way has to tell EventBridge once it is stored. */
  readonly outbox: ServiceEvent[];
  /** Hands an event to EventBridge at once: what a transaction has to tell goes into the outbox. */
  publish(event: ServiceEvent): void;
  /** The ARN of this account's resource: `arn:aws:greengrass:region:account:` before `resource`. */
  arn(resource: string): string;
}

export type GreengrassHandlers = Handlers<GreengrassClientModule, Greengrass>;

/** Where a listing operation names none: small enough that a client which forgets to page is found out. */
export const DEFAULT_PAGE = 25;
