import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { summaryOf } from "./dead-letter-replays.ts";
import { type DeadLetter, type DeadLetters, openDeadLetters } from "./dead-letters.ts";
import { readEndpoints } from "./endpoints.ts";

const USAGE = `Usage: npm run -s dlq -- [--data DIR] [command]
  list [--queue Q] [--json]        what could not be processed, oldest first (the default); lines of JSON into a pipe
  show ID                          one message, whole
  replay ID... | --all | --queue Q call the function with it again; it goes when that succeeds
  delete ID...                     give it up
IDs may be cut short as long as they stay unambiguous. Exit codes: 0 done, 1 failed, 2 wrong options`;

class UsageError extends Error {}

/** The embedded cloud looks for requests several times a second. */
const PICKED_UP_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;

const print = (text: string) => process.stdout.write(`${text}\n`);
const json = (letter: DeadLetter) => JSON.stringify(letter);

const find = (all: readonly DeadLetter[], ids: readonly string[]): DeadLetter[] =>
  ids.map((id) => {
    const [letter, other] = all.filter(({ messageId }) => messageId.startsWith(id));
    if (letter === undefined || id === "") throw new Error(`there is no message ${id}`);
    if (other !== undefined) throw new Error(`${id} is the start of several messages`);
    return letter;
  });

const list = (letters: readonly DeadLetter[]) => {
  if (letters.length === 0) return print("no dead letters");
  const rows = letters.map((letter) => {
    const { condition, functionName, records, error } = summaryOf(letter);
    const sentAt = letter.sentAt.slice(0, 19).replace("T", " ");
    return [letter.messageId.slice(0, 8), sentAt, letter.queue, condition, functionName, String(records), error];
  });
  const table = [["ID", "SENT (UTC)", "QUEUE", "CONDITION", "FUNCTION", "RECORDS", "ERROR"], ...rows];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table)
    print(
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
};

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** Asks for a replay and waits for its end: as long as the function takes, once it is called. */
const replay = async (letters: DeadLetters, messageId: string, alive: () => boolean): Promise<string | undefined> => {
  letters.requestReplay(messageId);
  const deadline = performance.now() + PICKED_UP_WITHIN_MS;
  for (;;) {
    const state = letters.replayOf(messageId);
    if (state === undefined) return "the request was withdrawn";
    if (state.state === "done") return undefined;
    if (state.state === "failed") return state.error;
    const late = state.state === "requested" && performance.now() > deadline;
    if ((late || !alive()) && letters.withdrawReplay(messageId)) return "the embedded cloud does not take it up";
    if (!alive()) return "the embedded cloud stopped meanwhile: it replays the message when it starts again";
    await pause(LOOK_EVERY_MS);
  }
};

const replayAll = async (letters: DeadLetters, dir: string, chosen: readonly DeadLetter[]): Promise<number> => {
  const { pid } = readEndpoints(dir);
  const alive = () => isRunning(pid);
  // A killed process leaves its endpoints behind. The functions need their engines: there is no replay without them.
  if (!alive()) throw new Error(`nothing runs on ${dir}: start it with npm start -- --data ${dir}`);
  let failed = 0;
  for (const { messageId } of chosen) {
    const error = await replay(letters, messageId, alive);
    print(`${messageId} ${error === undefined ? "replayed" : `kept: ${error}`}`);
    if (error !== undefined) failed += 1;
  }
  return failed === 0 ? 0 : 1;
};

/** `npm run -s dlq`: the dead letters of an embedded cloud. Answers the exit code. */
const main = async (args: readonly string[]): Promise<number> => {
  let parsed: { values: { data: string; queue?: string; all: boolean; json: boolean }; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        data: { type: "string", default: ".slipway" },
        queue: { type: "string" },
        all: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { values } = parsed;
  const [command = "list", ...ids] = parsed.positionals;
  const dir = resolve(values.data);
  if (!existsSync(join(dir, "dead-letters.db"))) throw new Error(`${dir} is no data folder of an embedded cloud`);
  const letters = openDeadLetters(dir);
  try {
    const all = letters.list(values.queue);
    switch (command) {
      case "list":
        if (ids.length > 0) throw new UsageError("list takes no ids");
        if (process.stdout.isTTY === true && !values.json) list(all);
        else for (const letter of all) print(json(letter));
        return 0;
      case "show":
        if (ids.length === 0) throw new UsageError("show takes an id");
        for (const letter of find(all, ids)) print(JSON.stringify(letter, null, 2));
        return 0;
      case "replay":
        if (ids.length === 0 && !values.all && values.queue === undefined) {
          throw new UsageError("replay takes ids, --all or --queue");
        }
        return await replayAll(letters, dir, ids.length > 0 ? find(all, ids) : all);
      case "delete":
        if (ids.length === 0) throw new UsageError("delete takes ids");
        for (const { messageId } of find(all, ids)) {
          letters.remove(messageId);
          print(`${messageId} deleted`);
        }
        return 0;
      default:
        throw new UsageError(`there is no command ${command}`);
    }
  } finally {
    letters.close();
  }
};

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    process.stderr.write(`${error.message}\n${error instanceof UsageError ? `${USAGE}\n` : ""}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
