import type { OPERATIONS } from "./operations.ts";
import type { components, operations } from "./schema.ts";

export type Schemas = components["schemas"];
export type OperationName = keyof typeof OPERATIONS & keyof operations;

type Part<Name extends OperationName, Kind extends "path" | "query"> = Exclude<
  operations[Name]["parameters"][Kind],
  undefined
>;
type Given<T> = [T] extends [never] ? unknown : T;
/** Members that may be undefined may also be given as undefined: `{ cursor: page.nextCursor }`. */
type Lenient<T> = { [K in keyof T]: undefined extends T[K] ? T[K] | undefined : T[K] };

type Content<T> = T extends { content: infer Media }
  ? Media extends { "application/json": infer Body }
    ? Body
    : Media[keyof Media]
  : undefined;

type Body<Name extends OperationName> = operations[Name] extends { requestBody: { content: infer Media } }
  ? { readonly body: Media[keyof Media] }
  : unknown;

type IfMatch<Name extends OperationName> = operations[Name]["parameters"] extends { header: { "If-Match": string } }
  ? {
      /** The ETag that was read, or `*` for whatever is there. */
      readonly ifMatch: string;
    }
  : operations[Name]["parameters"] extends { header?: { "If-Match"?: string } }
    ? { readonly ifMatch?: string | undefined }
    : unknown;

type Key<Name extends OperationName> = (typeof OPERATIONS)[Name] extends { takesKey: true }
  ? {
      /** Made anew for each call unless it is given. */
      readonly idempotencyKey?: string | undefined;
    }
  : unknown;

/** What an operation takes: the parameters of its path and query by their names, and `body`. */
export type Input<Name extends OperationName> = Given<Part<Name, "path">> &
  Lenient<Given<Part<Name, "query">>> &
  Body<Name> &
  IfMatch<Name> &
  Key<Name> & { readonly signal?: AbortSignal | undefined };

type Succeeded<T> = T extends { 200: infer A }
  ? A
  : T extends { 201: infer A }
    ? A
    : T extends { 202: infer A }
      ? A
      : unknown;

/** What an operation answers; undefined where that is 204. */
export type Answer<Name extends OperationName> = operations[Name]["responses"] extends { 204: unknown }
  ? undefined
  : Content<Succeeded<operations[Name]["responses"]>>;

/** Operations whose answer may go on in another page. */
export type PagedName = {
  [Name in OperationName]: Answer<Name> extends { nextCursor?: string }
    ? Input<Name> extends { cursor?: string | undefined }
      ? Name
      : never
    : never;
}[OperationName];

/** Those of them that answer a list. */
export type ListName = {
  [Name in OperationName]: Answer<Name> extends { items: unknown[] }
    ? Input<Name> extends { cursor?: string | undefined }
      ? Name
      : never
    : never;
}[OperationName];

export type Item<Name extends ListName> = Answer<Name> extends { items: (infer T)[] } ? T : never;

type Optional<T> = Record<string, never> extends T ? [input?: T] : [input: T];

/** A function for each operation, by its name. */
export type Operations = {
  readonly [Name in OperationName]: (...input: Optional<Input<Name>>) => Promise<Answer<Name>>;
};
