import { expect, test } from "vitest";
import { outdated } from "../../client/generate.ts";

test("what is generated from the document is what the document says now: otherwise run npm run client", async () => {
  expect(await outdated()).toEqual([]);
});
