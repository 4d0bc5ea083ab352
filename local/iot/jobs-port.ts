import type {
  AbortConfig,
  JobExecutionStatus,
  JobExecutionsRolloutConfig,
  JobStatus,
  TimeoutConfig,
} from "@aws-sdk/client-iot";

export type { JobExecutionStatus, JobStatus };

/** How long an execution may be in progress: https://docs.aws.amazon.com/iot/latest/apireference/API_TimeoutConfig.html */
export const TIMEOUT_MINUTES = { min: 1, max: 10_080 } as const;

/** An execution of a job by a thing, as it is after a change. */
export interface JobExecutionChange {
  readonly jobId: string;
  readonly thingName: string;
  readonly status: JobExecutionStatus;
  readonly statusDetails?: Readonly<Record<string, string>>;
  /** 1 for a thing's first execution of a job; retries and restarts count on. */
  readonly executionNumber: number;
  /** 1 when it is queued; each change adds 1. */
  readonly versionNumber: number;
  /** When it changed last, in milliseconds since the epoch. */
  readonly at: number;
}

/** What a device is told of its next execution. Times are in milliseconds since the epoch. */
export interface PendingJobExecution extends JobExecutionChange {
  readonly document: string;
  readonly queuedAt: number;
  readonly startedAt?: number;
}

export interface NewJob {
  readonly jobId: string;
  /** ARNs of things and thing groups. */
  readonly targets: readonly string[];
  readonly targetSelection: "CONTINUOUS" | "SNAPSHOT";
  readonly document: string;
  readonly description?: string;
  readonly namespaceId?: string;
  readonly rollout?: JobExecutionsRolloutConfig;
  readonly abort?: AbortConfig;
  readonly timeout?: TimeoutConfig;
}

/**
 * AWS IoT Jobs for the other engines: Greengrass makes jobs of its deployments, and the devices' ports hand them out.
 * The listeners hear of a change after it is stored; what was stored when the process was killed is not told again, so
 * that a listener reads {@link JobsPort.executions} and {@link JobsPort.status} when it starts.
 */
export interface JobsPort {
  /**
   * As an AWS service makes a job: CreateJob's limits do not hold. A job that exists already is left as it is.
   *
   * @throws AwsError ResourceNotFoundException for a target that does not exist
   */
  create(job: NewJob): { readonly jobArn: string };
  /** Cancels what is queued and, with `force`, in progress. Does nothing for a job that is not in progress. */
  cancel(
    jobId: string,
    options?: { readonly force?: boolean; readonly comment?: string; readonly reasonCode?: string },
  ): void;
  /** Undefined for a job that there is not, or not any more. */
  status(jobId: string): JobStatus | undefined;
  /** Executions of a job, of a thing, of a namespace, in the order they were queued. */
  executions(query: {
    readonly jobId?: string;
    readonly thingName?: string;
    readonly namespaceId?: string;
  }): readonly JobExecutionChange[];
  /**
   * The execution that a device has to work on: what is in progress first, then what was queued first. Without a
   * namespace, of the jobs that have none.
   */
  next(thingName: string, namespaceId?: string): PendingJobExecution | undefined;
  /**
   * As UpdateJobExecution of the jobs data API, for the latest execution if no number is given.
   *
   * @throws AwsError ResourceNotFound, InvalidRequest; VersionMismatch and InvalidStateTransition with
   * `extra.executionState`: the error codes of https://docs.aws.amazon.com/iot/latest/developerguide/jobs-mqtt-api.html
   */
  update(
    thingName: string,
    jobId: string,
    status: JobExecutionStatus,
    options?: {
      readonly expectedVersion?: number;
      readonly statusDetails?: Readonly<Record<string, string>>;
      readonly executionNumber?: number;
    },
  ): JobExecutionChange;
  /** Called after a change of an execution is stored, once for each. */
  onChange(listener: (change: JobExecutionChange) => void): void;
  /**
   * Called after a job itself has changed: IN_PROGRESS when it is made, COMPLETED, CANCELED, DELETION_IN_PROGRESS. Of one
   * transaction, the executions' changes are told first.
   */
  onJob(listener: (job: { readonly jobId: string; readonly status: JobStatus }) => void): void;
}
