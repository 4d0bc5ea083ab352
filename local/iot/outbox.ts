import type { JobExecutionChange, JobStatus } from "./jobs-port.ts";
import type { Iot } from "./state.ts";

type JobChange = { readonly jobId: string; readonly status: JobStatus };

/** What a transaction has to tell once it is stored, and whom. */
export interface Outbox {
  readonly executions: JobExecutionChange[];
  readonly jobs: JobChange[];
  /** The IDs of certificates whose status changed, or that are gone. */
  readonly certificates: string[];
  readonly onExecution: ((change: JobExecutionChange) => void)[];
  readonly onJob: ((job: JobChange) => void)[];
  readonly onCertificate: ((certificateId: string) => void)[];
}

export const newOutbox = (): Outbox => ({
  executions: [],
  jobs: [],
  certificates: [],
  onExecution: [],
  onJob: [],
  onCertificate: [],
});

/** A listener's failure is its own: the change is stored, and its caller has nothing to do with who listens. */
const tell = <Change>(listeners: readonly ((change: Change) => void)[], change: Change): void => {
  for (const listener of listeners)
    try {
      listener(change);
    } catch (error) {
      console.error("iot: a listener failed", error);
    }
};

/**
 * Runs `work` in one transaction, then tells what it put into the outbox and sets the timer of jobs. Within a change that
 * is under way it is a part of that.
 */
export const change = <T>(iot: Iot, work: () => T): T => {
  if (iot.store.inTransaction) return work();
  const { outbox } = iot;
  let result: T;
  try {
    result = iot.store.transact(work);
  } catch (error) {
    outbox.executions.length = 0;
    outbox.jobs.length = 0;
    outbox.certificates.length = 0;
    throw error;
  }
  // Taken out before they are told: a listener may make the next change.
  const executions = outbox.executions.splice(0);
  const jobs = outbox.jobs.splice(0);
  const certificates = outbox.certificates.splice(0);
  iot.wake();
  for (const execution of executions) tell(outbox.onExecution, execution);
  for (const job of jobs) tell(outbox.onJob, job);
  for (const certificate of certificates) tell(outbox.onCertificate, certificate);
  return result;
};
