import type { ProblemCode } from "./problems.ts";

/** The tables of a stage. `control` holds managed devices' data and intents, `ota` what anonymous devices may lead to. */
export type TableName = "control" | "ota";

export interface Key {
  readonly pk: string;
  readonly sk: string;
}

export type Attributes = Readonly<Record<string, unknown>>;
export type Item = Key & Attributes;

/** A condition on one attribute: equal to a value, present or absent, one of several, or below or above a number or a text. */
export type Test =
  | string
  | number
  | boolean
  | { readonly exists: boolean }
  | { readonly in: readonly (string | number)[] }
  | { readonly below: number | string }
  | { readonly above: number | string };

export interface Refusal {
  readonly code: ProblemCode;
  readonly detail: string;
}

interface WriteBase {
  readonly table?: TableName;
  /** What the client is told when this write's condition is what stopped the transaction. */
  readonly otherwise?: Refusal;
}

/** One write of a transaction, as data. Decisions return writes; `shared/aws/table.ts` turns them into DynamoDB's form. */
export type Write = WriteBase &
  (
    | { readonly do: "create"; readonly item: Item }
    | { readonly do: "put"; readonly item: Item; readonly when?: Readonly<Record<string, Test>> }
    | {
        readonly do: "update";
        readonly key: Key;
        readonly set?: Attributes;
        /** Set only where the attribute is absent. */
        readonly setIfAbsent?: Attributes;
        readonly add?: Readonly<Record<string, number>>;
        readonly remove?: readonly string[];
        /** An absent object means: whatever there is, or nothing. */
        readonly when?: Readonly<Record<string, Test>>;
      }
    | { readonly do: "delete"; readonly key: Key; readonly when?: Readonly<Record<string, Test>> }
    | { readonly do: "check"; readonly key: Key; readonly when: Readonly<Record<string, Test>> }
  );
