import { test } from "vitest";
import { killRounds } from "../integration/support/killed.ts";

test("50 kills at random moments, with 200 intents each, lose no accepted intent and do none twice", () =>
  killRounds(50, 200, 2));
