import { describe, expect, test } from "vitest";
import { commandName, NO_COMMANDS, namingField, plural, readOperations } from "../../cli/operations.ts";
import { buildProgram } from "../../cli/program.ts";
import { routes } from "../../shared/declared/routes.ts";

const operations = readOperations();

describe("commands are named after the operations of the document", () => {
  test.each([
    ["listWorkspaces", "workspace list"],
    ["createNodeGroup", "group create"],
    ["getNodeGroupDeployment", "deployment get"],
    ["rollBackNodeGroupDeployment", "deployment roll-back"],
    ["listNodeGroupDeploymentRevisions", "deployment-revision list"],
    ["reRegisterNode", "node re-register"],
    ["listComponentVersions", "version list"],
    ["getComponentVersionFindings", "version findings"],
    ["createComponentFile", "file create"],
    ["createRegistrationToken", "token create"],
    ["listNodeCertificates", "certificate list"],
    ["startNodeImport", "node-import start"],
    ["listPolicies", "policy list"],
  ])("%s → %s", (operation, name) => expect(commandName(operation)?.join(" ")).toBe(name));

  test.each(["register", "getOpenapi", "getInstaller"])("%s is none", (operation) => {
    expect(commandName(operation)).toBeUndefined();
  });

  test("every operation of the API has one, or a reason why not, which names commands that there are", () => {
    const program = buildProgram();
    const isThere = (words: readonly string[]): boolean => {
      let at: typeof program | undefined = program;
      for (const word of words) {
        const found: typeof program | undefined = at?.commands.find((inner) => inner.name() === word);
        at = word.startsWith("--") && at?.options.some(({ long }) => long === word) ? at : found;
      }
      return at !== undefined;
    };
    const declared = Object.keys(routes);
    const unreachable = declared.filter((operation) => !isThere(commandName(operation) ?? ["none"]));
    expect(unreachable.sort()).toEqual(Object.keys(NO_COMMANDS).sort());
    const named = Object.values(NO_COMMANDS).flatMap((reason) =>
      [...reason.matchAll(/`slipway ([^`]+)`/g)].map(([, command = ""]) => command),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((command) => !isThere(command.split(" ")))).toEqual([]);
  });

  test("no two have the same name", () => {
    const names = operations.map(({ operation }) => commandName(operation)?.join(" "));
    const named = names.filter((name) => name !== undefined);
    expect(named.filter((name, index) => named.indexOf(name) !== index)).toEqual([]);
  });
});

test("a creation takes the name of what it creates as an argument", () => {
  const naming = (operation: string) => {
    const found = operations.find((one) => one.operation === operation);
    return found === undefined ? undefined : namingField(found)?.name;
  };
  expect(naming("createNode")).toBe("name");
  expect(naming("createComponentVersion")).toBe("version");
  expect(naming("createRelease")).toBeUndefined();
  expect(naming("updateNode")).toBeUndefined();
});

test("a key is offered where the API takes one, and nowhere else", () => {
  const all: Readonly<Record<string, { readonly method: string; readonly repeatable?: true }>> = routes;
  const takesKey = (operation: string) => all[operation]?.method === "POST" && !all[operation].repeatable;
  const program = buildProgram();
  const offering = (wanted: boolean) =>
    operations.flatMap(({ operation }) => {
      const [noun, verb] = commandName(operation) ?? [];
      const command = program.commands
        .find((inner) => inner.name() === noun)
        ?.commands.find((inner) => inner.name() === verb);
      const isOffered = command?.options.some(({ long }) => long === "--idempotency-key");
      return isOffered === wanted ? [operation] : [];
    });
  expect(offering(true)).toContain("createNode");
  expect(offering(true).filter((operation) => !takesKey(operation))).toEqual([]);
  expect(offering(false)).toContain("createCredential");
  expect(offering(false).filter(takesKey)).toEqual([]);
});

test.each([
  ["node", "nodes"],
  ["policy", "policies"],
  ["signing-key", "signing-keys"],
  ["deployment-status", "deployment-statuses"],
])("the plural of %s is %s", (noun, expected) => expect(plural(noun)).toBe(expected));
