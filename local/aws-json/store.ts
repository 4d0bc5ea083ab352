import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { inTransaction, openDatabase } from "../sqlite.ts";

/**
 * A service's database with its statements prepared once. A row type names the columns that its statement selects; the
 * schema, which is this folder's own, is what makes that true.
 */
export class Store {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string, schema: string) {
    this.#database = openDatabase(file, schema);
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  get<Row>(sql: string, ...parameters: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...parameters) as Row | undefined;
  }

  all<Row>(sql: string, ...parameters: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...parameters) as Row[];
  }

  /** Answers how many rows were changed. */
  run(sql: string, ...parameters: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...parameters).changes);
  }

  /** Runs `work` in one transaction, or in the one that is under way: all of its writes, or none. */
  transact<T>(work: () => T): T {
    return this.inTransaction ? work() : inTransaction(this.#database, work);
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** A number that rises with every row that is changed: what was read at the same number is still so. */
  changes(): number {
    return this.get<{ changes: number }>("SELECT total_changes() AS changes")?.changes ?? 0;
  }

  close(): void {
    this.#database.close();
  }
}
