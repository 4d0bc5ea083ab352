import { test } from "vitest";
import { checkHistories } from "../model/histories.ts";

test("ten thousand histories of edits, moves, crashes and late devices end as they should", () => {
  checkHistories(10_000);
});
