/** Aborted by Ctrl-C: what waits stops, and the command ends with its exit code. */
export const interrupted = new AbortController();
