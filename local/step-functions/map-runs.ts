import { randomUUID } from "node:crypto";
import { firstAttempt } from "./scope.ts";
import { abortRuns, EXECUTION, type Execution, type ExecutionStatus, type Executions } from "./store.ts";

/** A Map Run, as it is kept. */
export interface MapRun {
  readonly position: number;
  /** The execution in which it runs. */
  readonly execution: number;
  readonly place: string;
  /** `{machine}/{label}`: the machine of its children. */
  readonly machine: string;
  readonly name: string;
  readonly status: "RUNNING" | "SUCCEEDED" | "FAILED" | "ABORTED";
  /** 1 when all items have become children. */
  readonly isRead: 0 | 1;
  /** 0: as many as AWS runs at once. */
  readonly maxConcurrency: number;
  readonly toleratedCount: number | null;
  readonly toleratedPercentage: number | null;
  readonly startedAt: number;
  readonly stoppedAt: number | null;
  readonly redriveCount: number;
  readonly redrivenAt: number | null;
  readonly resultsWritten: number;
}

const MAP_RUN = `position, execution, place, machine, name, status, is_read AS isRead, max_concurrency AS maxConcurrency,
  tolerated_count AS toleratedCount, tolerated_percentage AS toleratedPercentage, started_at AS startedAt,
  stopped_at AS stoppedAt, redrive_count AS redriveCount, redriven_at AS redrivenAt, results_written AS resultsWritten`;

export type Settings = Pick<MapRun, "maxConcurrency" | "toleratedCount" | "toleratedPercentage">;

/** How many children, and how many items of theirs, have a status. */
export interface Count {
  readonly status: ExecutionStatus;
  readonly executions: number;
  readonly items: number;
}

/** What becomes a child: its input, and which items it has. */
export interface ChildInput {
  readonly input: string;
  readonly item: number;
  readonly items: number;
}

const PAGE = 500;
const UNSUCCESSFUL: readonly ExecutionStatus[] = ["FAILED", "TIMED_OUT", "ABORTED"];

/** The Map Runs, and their children, which are executions. */
export const openMapRuns = ({ db, forgetTokens, lastCheckpoint }: Executions) => {
  const at = (position: number): MapRun | undefined =>
    db.get<MapRun>(`SELECT ${MAP_RUN} FROM map_runs WHERE position = ?`, position);
  const known = (run: MapRun | undefined): MapRun => {
    if (run === undefined) throw new Error("a Map Run was not stored");
    return run;
  };
  /** The children with one of these statuses, in the order of their items; all of them never in memory at once. */
  const children = function* (run: MapRun, statuses?: readonly ExecutionStatus[]): Generator<Execution> {
    const wanted = JSON.stringify(statuses ?? ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]);
    for (let after = -1; ; ) {
      const page = db.all<Execution>(
        `SELECT ${EXECUTION} FROM executions WHERE map_run = ? AND item > ?
         AND status IN (SELECT value FROM json_each(?)) ORDER BY item LIMIT ?`,
        run.position,
        after,
        wanted,
        PAGE,
      );
      yield* page;
      const last = page.at(-1)?.item;
      if (page.length < PAGE || last === undefined || last === null) return;
      after = last;
    }
  };
  /** Frees the place of an attempt that is over for good. */
  const moveAside = ({ position }: MapRun): void => {
    db.run("UPDATE map_runs SET place = ? WHERE position = ?", `left ${randomUUID()}`, position);
  };
  /**
   * Takes up the Map Runs with which a step of the execution failed, at the places where their states look for them; their
   * unsuccessful children run again, from the state that failed, with new task tokens and with their own Map Runs.
   * Earlier attempts of those states stay as they are. For a transaction.
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
   */
  const redrive = (execution: number, step: number): void => {
    const runs = db.all<MapRun>(
      `SELECT ${MAP_RUN} FROM map_runs WHERE execution = ? AND place LIKE ? ORDER BY position`,
      execution,
      `${step}/%`,
    );
    for (const run of runs) moveAside(run);
    for (const [place, run] of new Map(runs.map((one) => [firstAttempt(one.place), one]))) {
      if (run.status === "SUCCEEDED") continue;
      db.run(
        `UPDATE map_runs SET place = ?, status = 'RUNNING', stopped_at = NULL, redrive_count = redrive_count + 1,
         redriven_at = ? WHERE position = ?`,
        place,
        Date.now(),
        run.position,
      );
      for (const { position } of children(run, UNSUCCESSFUL)) {
        forgetTokens(position);
        redrive(position, lastCheckpoint(position)?.step ?? 0);
      }
      db.run(
        `UPDATE executions SET status = 'PENDING', output = NULL, error = NULL, cause = NULL, stopped_at = NULL,
           redrive_count = redrive_count + 1, redriven_at = ?
         WHERE map_run = ? AND status IN (SELECT value FROM json_each(?))`,
        Date.now(),
        run.position,
        JSON.stringify(UNSUCCESSFUL),
      );
    }
  };
  /**
   * What goes on at the place of a run that an earlier process left. Attempts are counted anew after a restart, so this
   * is the run of the latest one. If it was ABORTED, or its items could not be read, it is RUNNING again, with those of
   * its children that were ABORTED; their time begins anew, or it might be over at once.
   */
  const takeUp = (left: MapRun): MapRun =>
    db.transact(() => {
      const runs = db.all<MapRun>(
        `SELECT ${MAP_RUN} FROM map_runs WHERE execution = ? ORDER BY position`,
        left.execution,
      );
      const attempts = runs.filter(({ place }) => firstAttempt(place) === firstAttempt(left.place));
      for (const run of attempts) moveAside(run);
      const { position, status, isRead } = attempts.at(-1) ?? left;
      db.run("UPDATE map_runs SET place = ? WHERE position = ?", left.place, position);
      if (status === "ABORTED" || !isRead) {
        db.run("UPDATE map_runs SET status = 'RUNNING', stopped_at = NULL WHERE position = ?", position);
        db.run(
          `UPDATE executions SET status = 'RUNNING', error = NULL, cause = NULL, started_at = ?, stopped_at = NULL
           WHERE map_run = ? AND status = 'ABORTED'`,
          Date.now(),
          position,
        );
      }
      return known(at(position));
    });
  return {
    at: (position: number): MapRun => known(at(position)),
    find: (machine: string, name: string): MapRun | undefined =>
      db.get<MapRun>(`SELECT ${MAP_RUN} FROM map_runs WHERE machine = ? AND name = ?`, machine, name),
    /** The newest first, older than the position `before`. */
    list: (execution: number, before: number, limit: number): MapRun[] =>
      db.all<MapRun>(
        `SELECT ${MAP_RUN} FROM map_runs WHERE execution = ? AND position < ? ORDER BY position DESC LIMIT ?`,
        execution,
        before,
        limit,
      ),
    /**
     * The Map Run of this place: a new one, or after a restart the one with which its state goes on. One that FAILED does
     * so again, and the next attempt follows.
     */
    open: (execution: number, place: string, machine: string, settings: Settings): MapRun => {
      const found = db.get<MapRun>(
        `SELECT ${MAP_RUN} FROM map_runs WHERE execution = ? AND place = ?`,
        execution,
        place,
      );
      if (found !== undefined) return found.status === "FAILED" && found.isRead ? found : takeUp(found);
      return known(
        db.get<MapRun>(
          `INSERT INTO map_runs (execution, place, machine, name, max_concurrency, tolerated_count,
             tolerated_percentage, started_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${MAP_RUN}`,
          execution,
          place,
          machine,
          randomUUID(),
          settings.maxConcurrency,
          settings.toleratedCount,
          settings.toleratedPercentage,
          Date.now(),
        ),
      );
    },
    change: (position: number, settings: Settings): void => {
      db.run(
        "UPDATE map_runs SET max_concurrency = ?, tolerated_count = ?, tolerated_percentage = ? WHERE position = ?",
        settings.maxConcurrency,
        settings.toleratedCount,
        settings.toleratedPercentage,
        position,
      );
    },
    /** Ends the run; those of its children that still run are ABORTED with it, and what runs in those. */
    end: (position: number, status: MapRun["status"]): void =>
      db.transact(() => {
        abortRuns(db, [position]);
        db.run("UPDATE map_runs SET status = ?, stopped_at = ? WHERE position = ?", status, Date.now(), position);
      }),
    wrote: (position: number, results: number): void => {
      db.run("UPDATE map_runs SET results_written = ? WHERE position = ?", results, position);
    },

    /** Begins to read the items, again if a process died while it did. */
    beginReading: (run: MapRun): void => {
      db.run("DELETE FROM executions WHERE map_run = ?", run.position);
    },
    endReading: (run: MapRun): void => {
      db.run("UPDATE map_runs SET is_read = 1 WHERE position = ?", run.position);
    },
    addChildren: (run: MapRun, children: readonly ChildInput[]): void =>
      db.transact(() => {
        for (const { input, item, items } of children) {
          db.run(
            `INSERT INTO executions (machine, name, status, input, started_at, map_run, item, items)
             VALUES (?, ?, 'PENDING', ?, 0, ?, ?, ?)`,
            run.machine,
            randomUUID(),
            input,
            run.position,
            item,
            items,
          );
        }
      }),
    /** Makes the next PENDING child RUNNING. */
    startNext: (run: MapRun): Execution | undefined =>
      db.get<Execution>(
        `UPDATE executions SET status = 'RUNNING', started_at = ? WHERE position = (
           SELECT position FROM executions WHERE map_run = ? AND status = 'PENDING' ORDER BY item LIMIT 1
         ) RETURNING ${EXECUTION}`,
        Date.now(),
        run.position,
      ),
    running: (run: MapRun): Execution[] =>
      db.all<Execution>(
        `SELECT ${EXECUTION} FROM executions WHERE map_run = ? AND status = 'RUNNING' ORDER BY item`,
        run.position,
      ),
    counts: (position: number): Count[] =>
      db.all<Count>(
        `SELECT status, COUNT(*) AS executions, SUM(items) AS items FROM executions WHERE map_run = ? GROUP BY status`,
        position,
      ),
    children,
    /** The children that have started, for ListExecutions: the newest first, older than the position `before`. */
    listChildren: (position: number, before: number, status: string | null, redriven: boolean | null, limit: number) =>
      db.all<Execution>(
        `SELECT ${EXECUTION} FROM executions WHERE map_run = ? AND position < ? AND status <> 'PENDING'
         AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR (redrive_count > 0) = ?4) ORDER BY position DESC LIMIT ?5`,
        position,
        before,
        status,
        redriven === null ? null : Number(redriven),
        limit,
      ),
    redrive,
  };
};

export type MapRuns = ReturnType<typeof openMapRuns>;
