import { join } from "node:path";
import { Store } from "../aws-json/store.ts";
import type { Events, HistoryEvent } from "./history.ts";

export type EndStatus = "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED";
/** A child of a Map Run is PENDING until its turn comes. */
export type ExecutionStatus = "PENDING" | "RUNNING" | EndStatus;

export interface Execution {
  /** Its key here; executions are numbered in the order of their start. */
  readonly position: number;
  /** The machine's name; for a child of a Map Run `{machine}/{label}`. */
  readonly machine: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly input: string;
  readonly output: string | null;
  readonly error: string | null;
  readonly cause: string | null;
  /** Milliseconds; 0 while it is PENDING. */
  readonly startedAt: number;
  /** While it is RUNNING, this is when it was told to stop; `error` and `cause` are then those of the stop. */
  readonly stoppedAt: number | null;
  readonly redriveCount: number;
  readonly redrivenAt: number | null;
  /** The client token of the last redrive. */
  readonly redriveToken: string | null;
  /** Of a child: its Map Run, the place of its first item, and the number of its items. */
  readonly mapRun: number | null;
  readonly item: number | null;
  readonly items: number | null;
}

/** An execution as others get to know it: while it is RUNNING, nothing of a stop that is under way. */
export const told = (execution: Execution): Execution =>
  execution.status === "RUNNING" ? { ...execution, stoppedAt: null, error: null, cause: null } : execution;

export interface Outcome {
  readonly status: EndStatus;
  readonly output?: string | undefined;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** From where an execution goes on: the state that comes next, its input, and what has been told so far. */
export interface Checkpoint {
  readonly step: number;
  readonly state: string;
  readonly input: string;
  readonly at: number;
  /** The id of the last event before it. */
  readonly event: number;
}

export interface TokenRow {
  readonly token: string;
  readonly execution: number;
  readonly place: string;
  readonly status: "open" | "succeeded" | "failed" | "closed";
  readonly executionStatus: ExecutionStatus;
  readonly submitted: 0 | 1;
  readonly output: string | null;
  readonly error: string | null;
  readonly cause: string | null;
  readonly openedAt: number;
  readonly beatAt: number;
}

/** How long an ended execution is kept, and with it its name taken. */
export const RETENTION_MS = 90 * 24 * 3_600_000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS map_runs (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  execution INTEGER NOT NULL REFERENCES executions (position) ON DELETE CASCADE,
  place TEXT NOT NULL,
  machine TEXT NOT NULL,
  name TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'RUNNING',
  is_read INTEGER NOT NULL DEFAULT 0,
  max_concurrency INTEGER NOT NULL,
  tolerated_count INTEGER,
  tolerated_percentage REAL,
  started_at INTEGER NOT NULL,
  stopped_at INTEGER,
  redrive_count INTEGER NOT NULL DEFAULT 0,
  redriven_at INTEGER,
  results_written INTEGER NOT NULL DEFAULT 0,
  UNIQUE (execution, place),
  UNIQUE (machine, name)
);
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
  redrive_count INTEGER NOT NULL DEFAULT 0,
  redriven_at INTEGER,
  redrive_token TEXT,
  map_run INTEGER REFERENCES map_runs (position) ON DELETE CASCADE,
  item INTEGER,
  items INTEGER,
  UNIQUE (machine, name)
);
CREATE INDEX IF NOT EXISTS unannounced ON executions (position) WHERE announced IS NOT status AND map_run IS NULL;
CREATE INDEX IF NOT EXISTS running ON executions (position) WHERE status = 'RUNNING' AND map_run IS NULL;
CREATE INDEX IF NOT EXISTS stopped ON executions (stopped_at) WHERE stopped_at IS NOT NULL AND map_run IS NULL;
CREATE INDEX IF NOT EXISTS listed ON executions (machine, position) WHERE map_run IS NULL;
CREATE INDEX IF NOT EXISTS children ON executions (map_run, status, item, items) WHERE map_run IS NOT NULL;
-- What happened since the step before. With a state, a checkpoint: the state that follows, whose input is the output of
-- the last of these events, or stands here. Without, only a part of a history.
CREATE TABLE IF NOT EXISTS steps (
  execution INTEGER NOT NULL REFERENCES executions (position) ON DELETE CASCADE,
  step INTEGER NOT NULL,
  state TEXT,
  at INTEGER NOT NULL,
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  events TEXT NOT NULL,
  input TEXT,
  PRIMARY KEY (execution, first)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tokens (
  token TEXT PRIMARY KEY,
  execution INTEGER NOT NULL REFERENCES executions (position) ON DELETE CASCADE,
  place TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'open',
  submitted INTEGER NOT NULL DEFAULT 0,
  output TEXT,
  error TEXT,
  cause TEXT,
  opened_at INTEGER NOT NULL,
  beat_at INTEGER NOT NULL,
  UNIQUE (execution, place)
) WITHOUT ROWID;
`;

export const EXECUTION = `position, machine, name, status, input, output, error, cause, started_at AS startedAt,
  stopped_at AS stoppedAt, redrive_count AS redriveCount, redriven_at AS redrivenAt,
  redrive_token AS redriveToken, map_run AS mapRun, item, items`;
const TOKEN = `t.token, t.execution, t.place, t.status, e.status AS executionStatus, t.submitted, t.output, t.error, t.cause,
  t.opened_at AS openedAt, t.beat_at AS beatAt FROM tokens t JOIN executions e ON e.position = t.execution`;

const inputOf = (event: HistoryEvent | undefined): string => {
  const exited = event?.details?.stateExitedEventDetails as { output?: string } | undefined;
  if (exited?.output === undefined) throw new Error("a checkpoint without the output of the state before it");
  return exited.output;
};

/**
 * Makes these Map Runs ABORTED, with their children that run and with the Map Runs in those, at every depth; also with
 * those in children that await their turn to go on. For a transaction: a child that is ABORTED in a run that is not
 * would never run again.
 */
export const abortRuns = (db: Store, positions: readonly number[]): void => {
  const runs = db.all<{ position: number }>(
    `WITH RECURSIVE nested (position) AS (
       SELECT value FROM json_each(?)
       UNION ALL
       SELECT m.position FROM nested
       JOIN executions e ON e.map_run = nested.position AND e.status IN ('RUNNING', 'PENDING')
       JOIN map_runs m ON m.execution = e.position AND m.status = 'RUNNING'
     ) SELECT position FROM nested`,
    JSON.stringify(positions),
  );
  const now = Date.now();
  for (const { position } of runs) {
    db.run("UPDATE map_runs SET status = 'ABORTED', stopped_at = ? WHERE position = ?", now, position);
    db.run(
      "UPDATE executions SET status = 'ABORTED', stopped_at = ? WHERE map_run = ? AND status = 'RUNNING'",
      now,
      position,
    );
  }
};

/** The executions of every machine, their checkpoints and histories, in `step-functions.db`. */
export const openExecutions = (dir: string) => {
  const db = new Store(join(dir, "step-functions.db"), SCHEMA);
  const insertStep = (
    execution: number,
    step: number,
    state: string | null,
    { first, events }: Events,
    input: string | null = null,
  ): void => {
    if (events.length === 0) {
      // All that led to this state is stored already: the last part of it is what the checkpoint follows.
      if (state === null) return;
      db.run(
        `UPDATE steps SET step = ?, state = ?, at = ?, input = ? WHERE execution = ?5
         AND first = (SELECT MAX(first) FROM steps WHERE execution = ?5)`,
        step,
        state,
        Date.now(),
        input,
        execution,
      );
      return;
    }
    db.run(
      "INSERT INTO steps (execution, step, state, at, first, count, events, input) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      execution,
      step,
      state,
      Date.now(),
      first,
      events.length,
      JSON.stringify(events),
      input,
    );
  };
  const historyBetween = (execution: number, first: number, last: number): Events => {
    const rows = db.all<{ first: number; events: string }>(
      "SELECT first, events FROM steps WHERE execution = ? AND first <= ? AND first + count > ? ORDER BY first",
      execution,
      last,
      first,
    );
    const events = rows.flatMap((row) => JSON.parse(row.events) as HistoryEvent[]);
    return { first: rows[0]?.first ?? first, events };
  };
  const forgetTokens = (execution: number): void => {
    db.run("DELETE FROM tokens WHERE execution = ?", execution);
  };
  return {
    db,
    get: (machine: string, name: string): Execution | undefined =>
      db.get<Execution>(`SELECT ${EXECUTION} FROM executions WHERE machine = ? AND name = ?`, machine, name),
    at: (position: number): Execution | undefined =>
      db.get<Execution>(`SELECT ${EXECUTION} FROM executions WHERE position = ?`, position),

    /** Takes the place of an execution of the same name. */
    add: (machine: string, name: string, input: string): Execution => {
      const added = db.get<Execution>(
        `INSERT OR REPLACE INTO executions (machine, name, status, input, started_at) VALUES (?, ?, 'RUNNING', ?, ?)
         RETURNING ${EXECUTION}`,
        machine,
        name,
        input,
        Date.now(),
      );
      if (added === undefined) throw new Error("an execution was not stored");
      return added;
    },
    /** Forgets what ended longer ago than names are kept; Map Runs and their children go with their parents. */
    forgetOld: (): void => {
      db.run("DELETE FROM executions WHERE stopped_at < ? AND map_run IS NULL", Date.now() - RETENTION_MS);
    },
    /** Notes that an execution is to be ABORTED: if the process dies before that is done, the next one does it. */
    noteStop: (execution: number, { error, cause }: Pick<Outcome, "error" | "cause">): void => {
      db.run(
        `UPDATE executions SET stopped_at = ?, error = ?, cause = ?
         WHERE position = ? AND status = 'RUNNING' AND stopped_at IS NULL`,
        Date.now(),
        error ?? null,
        cause ?? null,
        execution,
      );
    },
    end: (execution: Execution, outcome: Outcome, step: number, rest: Events): Execution =>
      db.transact(() => {
        const { position } = execution;
        insertStep(position, step, null, rest);
        // A run of an attempt that an earlier process had come to, and this one has not.
        const left = "SELECT position FROM map_runs WHERE execution = ? AND status = 'RUNNING'";
        const runs = db.all<{ position: number }>(left, position).map((run) => run.position);
        if (runs.length > 0) abortRuns(db, runs);
        const { status, output = null, error = null, cause = null } = outcome;
        const ended = db.get<Execution>(
          `UPDATE executions SET status = ?, output = ?, error = ?, cause = ?, stopped_at = COALESCE(stopped_at, ?)
           WHERE position = ? RETURNING ${EXECUTION}`,
          status,
          output,
          error,
          cause,
          Date.now(),
          position,
        );
        if (ended === undefined) throw new Error("an execution is gone");
        return ended;
      }),
    /** Notes that the status was published, so that a restart publishes what a crash kept back. */
    announced: (execution: Execution): void => {
      db.run("UPDATE executions SET announced = ? WHERE position = ?", execution.status, execution.position);
    },
    running: (): Execution[] =>
      db.all(`SELECT ${EXECUTION} FROM executions WHERE status = 'RUNNING' AND map_run IS NULL ORDER BY position`),
    unannounced: (): Execution[] =>
      db.all(`SELECT ${EXECUTION} FROM executions WHERE announced IS NOT status AND map_run IS NULL ORDER BY position`),
    /** The newest first, older than the position `before`. */
    list: (machine: string, before: number, status: string | null, redriven: boolean | null, limit: number) =>
      db.all<Execution>(
        `SELECT ${EXECUTION} FROM executions WHERE machine = ? AND map_run IS NULL AND position < ?
         AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR (redrive_count > 0) = ?4) ORDER BY position DESC LIMIT ?5`,
        machine,
        before,
        status,
        redriven === null ? null : Number(redriven),
        limit,
      ),

    /** Stores that `state` comes next, and what happened until now. */
    checkpoint: (execution: number, step: number, state: string, events: Events): void =>
      insertStep(execution, step, state, events),
    /** Stores a part of a history that has grown long since the last checkpoint. */
    keepEvents: (execution: number, step: number, events: Events): void => insertStep(execution, step, null, events),
    lastCheckpoint: (execution: number): Checkpoint | undefined => {
      const row = db.get<{
        step: number;
        state: string;
        at: number;
        first: number;
        count: number;
        events: string;
        input: string | null;
      }>("SELECT * FROM steps WHERE execution = ? AND state IS NOT NULL ORDER BY first DESC LIMIT 1", execution);
      if (row === undefined) return undefined;
      const events: HistoryEvent[] = JSON.parse(row.events);
      const { step, state, at } = row;
      return { step, state, at, input: row.input ?? inputOf(events.at(-1)), event: row.first + row.count - 1 };
    },
    /** Forgets what an earlier process told after its last checkpoint: it is done, and told, once more. */
    forgetAfter: (execution: number, event: number): void => {
      db.run("DELETE FROM steps WHERE execution = ? AND first > ?", execution, event);
    },
    eventCount: (execution: number): number =>
      db.get<{ last: number }>(
        "SELECT COALESCE(MAX(first + count - 1), 0) AS last FROM steps WHERE execution = ?",
        execution,
      )?.last ?? 0,
    historyBetween,

    tokenAt: (execution: number, place: string): TokenRow | undefined =>
      db.get<TokenRow>(`SELECT ${TOKEN} WHERE t.execution = ? AND t.place = ?`, execution, place),
    token: (token: string): TokenRow | undefined => db.get<TokenRow>(`SELECT ${TOKEN} WHERE t.token = ?`, token),
    addToken: ({ token, execution, place, openedAt }: Pick<TokenRow, "token" | "execution" | "place" | "openedAt">) => {
      db.run(
        "INSERT INTO tokens (token, execution, place, opened_at, beat_at) VALUES (?, ?, ?, ?4, ?4)",
        token,
        execution,
        place,
        openedAt,
      );
    },
    submitToken: (token: string): void => {
      db.run("UPDATE tokens SET submitted = 1 WHERE token = ?", token);
    },
    beatToken: (token: string, at: number): void => {
      db.run("UPDATE tokens SET beat_at = ? WHERE token = ?", at, token);
    },
    answerToken: (token: string, answer: Pick<TokenRow, "status" | "output" | "error" | "cause">): void => {
      const { status, output, error, cause } = answer;
      db.run(
        "UPDATE tokens SET status = ?, output = ?, error = ?, cause = ? WHERE token = ?",
        status,
        output,
        error,
        cause,
        token,
      );
    },
    /** The places of the tokens of an execution, the oldest first. */
    placesOf: (execution: number): Pick<TokenRow, "token" | "place" | "status">[] =>
      db.all("SELECT token, place, status FROM tokens WHERE execution = ? ORDER BY opened_at, place", execution),
    moveToken: (token: string, place: string): void => {
      db.run("UPDATE tokens SET place = ? WHERE token = ?", place, token);
    },
    closeToken: (token: string): void => {
      db.run("UPDATE tokens SET status = 'closed' WHERE token = ? AND status = 'open'", token);
    },
    forgetTokens,
    /** Makes an ended execution RUNNING again, with new task tokens. */
    redrive: (execution: Execution, clientToken: string | undefined): Execution => {
      forgetTokens(execution.position);
      const redriven = db.get<Execution>(
        `UPDATE executions SET status = 'RUNNING', announced = NULL, output = NULL, error = NULL, cause = NULL,
         stopped_at = NULL, redrive_count = redrive_count + 1, redriven_at = ?, redrive_token = ? WHERE position = ?
         RETURNING ${EXECUTION}`,
        Date.now(),
        clientToken ?? null,
        execution.position,
      );
      if (redriven === undefined) throw new Error("an execution is gone");
      return redriven;
    },
    /** Makes this state the one from which an execution goes on. */
    goOnFrom: (execution: number, from: Omit<Checkpoint, "event" | "at">, told: Events): void =>
      insertStep(execution, from.step, from.state, told, from.input),
    transact: <T>(work: () => T): T => db.transact(work),
    close: () => db.close(),
  };
};

export type Executions = ReturnType<typeof openExecutions>;
