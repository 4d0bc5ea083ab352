import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** The data folder cannot be used, and the message says why. */
export class DataUnusable extends Error {}

/** Raised with each change of a store's schema: folders of another version are refused, not half understood. */
const DATA_VERSION = "6";

/** @throws DataUnusable for a folder of another version; a new one is marked as of this */
export const checkVersion = (dir: string): void => {
  const file = join(dir, "version");
  const isNew = !existsSync(join(dir, "keys.json"));
  if (isNew) writeFileSync(file, DATA_VERSION);
  const found = existsSync(file) ? readFileSync(file, "utf8") : "1";
  if (found !== DATA_VERSION) {
    throw new DataUnusable(
      `${dir} is of data version ${found}, and this embedded cloud needs ${DATA_VERSION}: delete it, or name another folder`,
    );
  }
};

/** One supervisor a data folder: the lock goes with the process, however that ends. @throws DataUnusable while another has it */
export const lock = (dir: string): DatabaseSync => {
  const database = new DatabaseSync(join(dir, "supervisor.lock"));
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw new DataUnusable(`another embedded cloud runs on ${dir}`, { cause: error });
  }
  return database;
};
