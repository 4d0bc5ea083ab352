import { test } from "vitest";
import { killRounds } from "../support/killed.ts";

test("three kills at random moments lose no accepted intent and do none twice", () => killRounds(3, 40, 1), 240_000);
