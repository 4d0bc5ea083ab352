import { createHash } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UnsupportedDefinition } from "./definition.ts";
import { isFields } from "./paths.ts";

interface Named {
  readonly name: string;
  readonly definition: object;
}

/** What a branch may have; other members of a machine are looked at by themselves. */
const OF_A_BRANCH = ["Comment", "StartAt", "States"];

/** A machine with a prefix before the name of each state, so that many machines can stand beside each other. */
const prefixed = (value: unknown, prefix: string, key = ""): unknown => {
  if (typeof value === "string") return /^(StartAt|Next|Default)$/.test(key) ? prefix + value : value;
  if (Array.isArray(value)) return value.map((one) => prefixed(one, prefix));
  if (!isFields(value)) return value;
  const entries = Object.entries(value).map(([name, one]) => [
    key === "States" ? prefix + name : name,
    prefixed(one, prefix, name),
  ]);
  return Object.fromEntries(entries);
};

/** The machines as the branches of one, because the validator takes 40 ms a call, whatever it is given. */
const asBranches = (machines: readonly Named[]): object => ({
  StartAt: "All",
  States: {
    All: {
      Type: "Parallel",
      Branches: machines.map(({ definition }, index) =>
        Object.fromEntries(
          Object.entries(prefixed(definition, `${index} `) as object).filter(([name]) => OF_A_BRANCH.includes(name)),
        ),
      ),
      End: true,
    },
  },
});

/** Where build tools keep what they need not do twice. */
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/slipway/definitions", import.meta.url));

/**
 * Has asl-validator accept the definitions, each once: later starts find a file named by the hash of what was accepted.
 *
 * @returns the names of those that it was asked about
 * @throws UnsupportedDefinition for the first that is not accepted, with all that the validator finds
 */
export const validateDefinitions = async (machines: readonly Named[], cache = CACHE): Promise<string[]> => {
  const { version }: { version: string } = createRequire(import.meta.url)("asl-validator/package.json");
  const hashOf = ({ definition }: Named): string =>
    createHash("sha256")
      .update(`asl-validator ${version}\n${JSON.stringify(definition)}`)
      .digest("hex");
  const fresh = machines.filter((machine) => !existsSync(join(cache, hashOf(machine))));
  if (fresh.length === 0) return [];
  mkdirSync(cache, { recursive: true });
  // Loaded only for a new definition: it costs more time than all the rest of the start.
  const { default: validate } = await import("asl-validator");
  // A copy, as JSON has it: the validator changes what it is given, and looks at members that are undefined.
  const findings = (definition: object): readonly unknown[] =>
    validate(JSON.parse(JSON.stringify(definition)), { checkPaths: true, checkArn: true }).errors;

  const plain = fresh.filter(({ definition }) =>
    Object.entries(definition).every(
      ([name, value]) =>
        OF_A_BRANCH.includes(name) || (name === "TimeoutSeconds" && Number.isInteger(value) && value > 0),
    ),
  );
  const accepted = new Set(findings(asBranches(plain)).length === 0 ? plain : []);
  for (const machine of fresh) {
    // What was not accepted with the others is looked at by itself, so that it is told what is wrong with it.
    const errors = accepted.has(machine) ? [] : findings(machine.definition);
    if (errors.length > 0) {
      throw new UnsupportedDefinition(machine.name, `asl-validator says ${JSON.stringify(errors)}`);
    }
    writeFileSync(join(cache, hashOf(machine)), "");
  }
  return fresh.map(({ name }) => name);
};
