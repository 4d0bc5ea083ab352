import { join } from "node:path";
import { openDatabase } from "../sqlite.ts";
import type { HistoryEvent } from "./history.ts";
import type { Outcome } from "./run.ts";

export type ExecutionStatus = "RUNNING" | Outcome["status"];

export interface Execution {
  readonly machine: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly input: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  readonly startedAt: number;
  readonly stoppedAt?: number;
}

/** How long an ended execution is kept, and with it its name taken. */
export const RETENTION_MS = 90 * 24 * 3_600_000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS executions (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  machine TEXT NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL,
  announced TEXT,
  input TEXT NOT NULL,
  output TEXT,
  error TEXT,
  cause TEXT,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER,
  history TEXT,
  UNIQUE (machine, name)
);
CREATE INDEX IF NOT EXISTS unannounced ON executions (position) WHERE announced IS NOT status;
CREATE INDEX IF NOT EXISTS running ON executions (position) WHERE status = 'RUNNING';
`;
const COLUMNS = "machine, name, status, input, output, error, cause, started_at, stopped_at";

type Row = Record<string, unknown>;
const optional = <K extends string>(key: K, value: unknown): { [P in K]?: string } =>
  value === null || value === undefined ? {} : ({ [key]: String(value) } as { [P in K]?: string });

const toExecution = (row: Row): Execution => ({
  machine: String(row.machine),
  name: String(row.name),
  status: String(row.status) as ExecutionStatus,
  input: String(row.input),
  startedAt: Number(row.started_at),
  ...(row.stopped_at === null ? {} : { stoppedAt: Number(row.stopped_at) }),
  ...optional("output", row.output),
  ...optional("error", row.error),
  ...optional("cause", row.cause),
});

/** The executions of every machine, in `step-functions.db`. */
export const openExecutions = (dir: string) => {
  const database = openDatabase(join(dir, "step-functions.db"), SCHEMA);
  database.prepare("DELETE FROM executions WHERE stopped_at < ?").run(Date.now() - RETENTION_MS);
  const get = database.prepare(`SELECT ${COLUMNS} FROM executions WHERE machine = ? AND name = ?`);
  const insert = database.prepare(
    "INSERT OR REPLACE INTO executions (machine, name, status, input, started_at) VALUES (?, ?, 'RUNNING', ?, ?)",
  );
  const end = database.prepare(
    `UPDATE executions SET status = ?, output = ?, error = ?, cause = ?, stopped_at = ?, history = ?
     WHERE machine = ? AND name = ?`,
  );
  const announce = database.prepare("UPDATE executions SET announced = ? WHERE machine = ? AND name = ?");
  const history = database.prepare("SELECT history FROM executions WHERE machine = ? AND name = ?");
  const list = database.prepare(
    `SELECT position, ${COLUMNS} FROM executions
     WHERE machine = :machine AND position < :before AND (:status IS NULL OR status = :status)
     ORDER BY position DESC LIMIT :limit`,
  );
  const select = (where: string) =>
    database.prepare(`SELECT ${COLUMNS} FROM executions WHERE ${where} ORDER BY position`);
  const running = select("status = 'RUNNING'");
  const unannounced = select("announced IS NOT status");
  return {
    get: (machine: string, name: string): Execution | undefined => {
      const row = get.get(machine, name);
      return row === undefined ? undefined : toExecution(row);
    },
    /** Takes the place of an execution of the same name. */
    add: (execution: Execution) => {
      insert.run(execution.machine, execution.name, execution.input, execution.startedAt);
    },
    end: (execution: Execution, events: readonly HistoryEvent[]) => {
      const { machine, name, status, output = null, error = null, cause = null, stoppedAt = null } = execution;
      end.run(status, output, error, cause, stoppedAt, JSON.stringify(events), machine, name);
    },
    /** Notes that the status was published, so that a restart publishes what a crash kept back. */
    announced: (execution: Execution) => {
      announce.run(execution.status, execution.machine, execution.name);
    },
    history: (machine: string, name: string): HistoryEvent[] => {
      const events = history.get(machine, name)?.history;
      return typeof events === "string" ? JSON.parse(events) : [];
    },
    /** The newest first, older than the position `before`. */
    list: (query: { machine: string; before: number; status: string | null; limit: number }) =>
      list.all(query).map((row) => ({ position: Number(row.position), execution: toExecution(row) })),
    running: (): Execution[] => running.all().map(toExecution),
    unannounced: (): Execution[] => unannounced.all().map(toExecution),
    close: () => database.close(),
  };
};

export type Executions = ReturnType<typeof openExecutions>;
