import { describe, expect, it } from "vitest";

/** What AWS answers. */
export interface Expected {
  /** The HTTP status. */
  readonly status: number;
  /** The error's code, as the SDK client names it; none for a success. */
  readonly code?: string;
  /** Members of the answer or of the error; vitest's asymmetric matchers are welcome. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A request to a stand-in, through the real SDK client, and the answer that AWS's own word promises. */
export interface Row<World> {
  /** The operation as the SDK names it: `CreateThing`. */
  readonly operation: string;
  /** What is special about the request; with the operation, unique. */
  readonly when: string;
  /** Prepares what the request needs, in names of its own, and answers with the last request's promise. */
  readonly send: (world: World) => Promise<object>;
  readonly expect: Expected;
  /** The page of AWS's documentation, or `model:` and the shape in the SDK's model, that gives the answer. */
  readonly source: string;
}

const SOURCE = /^(https:\/\/[a-z.]*(aws\.amazon\.com|amazonaws\.com|smithy\.io|rfc-editor\.org)\/\S+|model:\S+)$/;

const answerOf = async (promise: Promise<object>): Promise<Record<string, unknown>> => {
  try {
    const { $metadata, ...fields } = (await promise) as { $metadata?: { httpStatusCode?: number } };
    return { ...fields, status: $metadata?.httpStatusCode, code: undefined };
  } catch (error) {
    const { name, message, $metadata, ...fields } = error as Error & { $metadata?: { httpStatusCode?: number } };
    // What the client itself throws, before or without an answer, has no metadata: it is no answer to compare.
    if ($metadata?.httpStatusCode === undefined) throw error;
    return { ...fields, message, status: $metadata.httpStatusCode, code: name };
  }
};

/** A test for each row, and one that the table itself is sound. */
export const describeRows = <World>(
  service: string,
  rows: readonly Row<World>[],
  world: () => World,
  operations: readonly string[],
): void => {
  describe(`${service} answers as AWS says`, () => {
    it("has a source for each row, and rows for each operation that is emulated", () => {
      const titles = rows.map(({ operation, when }) => `${operation}: ${when}`);
      expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
      expect(rows.filter(({ source }) => !SOURCE.test(source)).map(({ source }) => source)).toEqual([]);
      expect(rows.filter(({ expect: { status, code } }) => status >= 400 !== (code !== undefined))).toEqual([]);
      expect(operations.filter((name) => !rows.some(({ operation }) => operation === name))).toEqual([]);
      expect(rows.filter(({ operation }) => !operations.includes(operation))).toEqual([]);
    });
    it.each(rows)("$operation: $when", async ({ send, expect: expected }) => {
      const answer = await answerOf(send(world()));
      // A member that is expected to be undefined may as well be absent.
      const absent = Object.fromEntries(Object.keys(expected.fields ?? {}).map((name) => [name, undefined]));
      const wanted = { status: expected.status, code: expected.code, ...expected.fields };
      expect({ ...absent, ...answer }).toMatchObject(wanted);
    });
  });
};
