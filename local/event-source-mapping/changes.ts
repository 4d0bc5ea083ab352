import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Says whether others have written to a database since. */
export interface Changes {
  /** Another number after each write of another connection. */
  version(): number;
  /** Wakes whoever waits for a change, to look again. */
  wake(): void;
  /** Resolves when the database has another version than `seen`, when `wanted` says so, and after a second. */
  changed(seen: number, wanted: () => boolean, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** The system tells of a write a moment before it can be seen: so many looks, at growing distances, find it. */
const LOOKS_AFTER_MS = [0, 1, 2, 4, 8, 16, 32];
/** A hint may be lost; where there are none, looking is all there is. */
const LOOK_EVERY_MS = { watched: 100, unwatched: 10 };
/** Reads nevertheless so often: a file that was put in the other's place is none that changes. */
const LOOK_FOR_MS = 1_000;

/**
 * Watches the DynamoDB engine's file. An idle table costs nothing: the system tells when the write-ahead log grows, and
 * a look at the database's version takes microseconds, where a read of the stream takes a millisecond of two processes.
 * @see https://www.sqlite.org/pragma.html#pragma_data_version
 */
export const watchChanges = (file: string): Changes => {
  // The engine may hold its file for a moment, as when it starts; reading would give up at once.
  const database = new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
  const select = database.prepare("PRAGMA data_version");
  const version = () => Number(select.get()?.data_version);
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const look of waiting) look();
  };

  const log = `${basename(file)}-wal`;
  let watcher: FSWatcher | undefined;
  try {
    // The folder, since the log is another file after each start of the engine.
    watcher = watch(dirname(file), { persistent: false }, (_, name) => {
      if (name === log) wake();
    });
    watcher.on("error", () => {
      watcher?.close();
      watcher = undefined;
    });
  } catch {
    // The system has no watchers left: looking is all there is.
    watcher = undefined;
  }

  return {
    version,
    wake,
    changed: (seen, wanted, signal) =>
      new Promise((resolve) => {
        const until = performance.now() + LOOK_FOR_MS;
        let timer: NodeJS.Timeout | undefined;
        let looks = LOOKS_AFTER_MS.length;
        const end = () => {
          clearTimeout(timer);
          waiting.delete(hinted);
          signal.removeEventListener("abort", end);
          resolve();
        };
        const isOver = () => {
          try {
            return signal.aborted || wanted() || version() !== seen || performance.now() > until;
          } catch {
            // The file cannot be looked at: reading the stream will say why, if there is something wrong.
            return true;
          }
        };
        const look = () => {
          if (isOver()) return end();
          const afterMs = LOOKS_AFTER_MS[looks] ?? LOOK_EVERY_MS[watcher === undefined ? "unwatched" : "watched"];
          looks += 1;
          timer = setTimeout(look, afterMs);
        };
        const hinted = () => {
          clearTimeout(timer);
          looks = 0;
          look();
        };
        waiting.add(hinted);
        signal.addEventListener("abort", end, { once: true });
        look();
      }),
    close: () => {
      watcher?.close();
      database.close();
    },
  };
};
