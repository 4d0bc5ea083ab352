import { Argument, type Command, Option } from "commander";
import { nounCommand, timeoutOption, withCommonOptions, withWaitOptions } from "./commands.ts";
import { count, duration, integer, time } from "./input.ts";

/** Adds a command whose code is loaded when it is run. */
const leaf = (parent: Command, name: string, description: string): Command =>
  withCommonOptions(parent.command(name).description(description));

/** What is more than one operation of the API, or none. */
export const addOwnCommands = (program: Command): void => {
  leaf(program, "login", "log in to a server, and keep it as a context")
    .option("--name <context>", "name of the context; the current one, or default, unless it is given")
    .option("--issuer <url>", "OpenID Connect issuer, for the device flow in a browser (SLIPWAY_ISSUER)")
    .option("--client-id <id>", "OAuth client (SLIPWAY_CLIENT_ID)")
    .option("--client-secret <@file|->", "client credentials of a machine; - reads the standard input")
    .option("--token-url <url>", "token endpoint for client credentials; the API's own unless it is given")
    .option("--scope <scopes>", "scopes to ask for in the device flow")
    .option("--token <@file|->", "a bearer token that was got elsewhere")
    .helpGroup(START)
    .action(async (options) => (await import("./login.ts")).login(options));
  leaf(program, "logout", "forget the login of a context")
    .helpGroup(START)
    .action(async (options) => (await import("./login.ts")).logout(options));

  const context = program.command("context").alias("contexts").description("servers and logins").helpGroup(START);
  context.helpCommand(false);
  leaf(context, "list", "list the contexts").action(async (options) =>
    (await import("./contexts.ts")).listContexts(options),
  );
  leaf(context, "show", "show what the next command would use").action(async (options) =>
    (await import("./contexts.ts")).showContext(options),
  );
  leaf(context, "use", "make a context the current one")
    .argument("<name>")
    .action(async (name, options) => (await import("./contexts.ts")).useContext(name, options));
  leaf(context, "set", "make a context, or change its --api or --workspace")
    .argument("<name>")
    .action(async (name, options) => (await import("./contexts.ts")).setContext(name, options));
  leaf(context, "delete", "forget a context with its login")
    .argument("<name>")
    .action(async (name, options) => (await import("./contexts.ts")).deleteContext(name, options));

  leaf(nounCommand(program, "workspace"), "use", "choose the workspace of the current context")
    .argument("<workspace>")
    .action(async (workspace, options) => (await import("./contexts.ts")).useWorkspace(workspace, options));

  leaf(nounCommand(program, "intent"), "wait", "wait until an intent has ended")
    .argument("<intent>")
    .addOption(timeoutOption())
    .action(async (intent, options) => (await import("./intents.ts")).waitForIntent(intent, options));
  leaf(nounCommand(program, "event"), "tail", "print what happens, as it happens: each event once, until Ctrl-C")
    .addOption(
      new Option(
        "--type <type>",
        "only these, such as slipway.intent.failed or 'slipway.node.*'; may be repeated",
      ).argParser(repeated),
    )
    .option("--subject <id>", "only what is about the object with this id")
    .addOption(new Option("--since <duration>", "begin so long ago").argParser(duration).default(0, "0s"))
    .addOption(new Option("--interval <duration>", "between two looks").argParser(duration).default(2_000, "2s"))
    .addOption(new Option("--count <n>", "end after so many events").argParser(count))
    .action(async (options) => (await import("./events.ts")).tailEvents(options));

  leaf(nounCommand(program, "audit"), "export", "write all records as lines of JSON or as CSV, newest first")
    .addOption(new Option("--from <time>", "records from this time on").argParser(time))
    .addOption(new Option("--to <time>", "records before this time").argParser(time))
    .option("--actor <actor>", "only what this one did, such as user:SUBJECT")
    .option("--object <id>", "only what was done to the thing with this id")
    .addOption(new Option("--format <format>", "lines of JSON, or CSV").choices(["jsonl", "csv"]).default("jsonl"))
    .action(async (options) => (await import("./audit.ts")).exportAudit(options));

  withWaitOptions(
    leaf(
      nounCommand(program, "node"),
      "register",
      "get what to run on a device for it to become this node, which is made if it is missing",
    )
      .argument("<name>")
      .option("--groups <a,b>", "node groups of a new node")
      .addOption(
        new Option("--runtime <runtime>", "Greengrass runtime of a new node").choices(["nucleus", "nucleus-lite"]),
      )
      .option("--until-connected", "wait until the device has connected"),
  ).action(async (name, options) => (await import("./register.ts")).registerNode(name, options));

  withWaitOptions(
    leaf(
      program.command("ota").description("over-the-air updates for anonymous devices").helpGroup(WORK),
      "publish",
      "upload a file and make it the release that devices get",
    )
      .argument("<file>")
      .requiredOption("--app <app>", "the app that devices ask for")
      .requiredOption("--environment <environment>", "such as prod or beta")
      .requiredOption("--version <version>", "of the release")
      .option("--attributes <a,b>", "only devices that state one of these"),
  ).action(async (file, options) => (await import("./ota.ts")).publishRelease(file, options));

  withWaitOptions(
    leaf(
      nounCommand(program, "component"),
      "push",
      "make a draft's files what a folder holds: only what changed is sent",
    )
      .argument("<folder>", "with src/ (for people) and dist/ (for devices), and a recipe.yaml or recipe.json")
      .option("--component <name>", "the recipe's ComponentName unless it is given; made if it is missing")
      .option("--version <version>", "the recipe's ComponentVersion unless it is given; made if it is missing")
      .option("--recipe <file>", "another recipe than the folder's")
      .option("--keep", "keep files of the draft that are not in the folder")
      .option("--publish", "publish the version then"),
  ).action(async (folder, options) => (await import("./push.ts")).pushComponent(folder, options));

  leaf(
    nounCommand(program, "component"),
    "pull",
    "write a version as a folder that the Greengrass Development Kit builds: only what is missing is fetched",
  )
    .argument("<folder>")
    .requiredOption("--component <name>", "whose version")
    .requiredOption("--version <version>", "published, or a draft whose files have all come")
    .action(async (folder, options) => (await import("./pull.ts")).pullComponent(folder, options));

  const deploy = program.command("deploy").description("plan and apply edits of deployments").helpGroup(WORK);
  deploy.helpCommand(false);
  withEditOptions(leaf(deploy, "plan", "show what an edit would do to every node, and why; nothing is written"))
    .option("--exit-code", "exit with 11 when there are changes")
    .option("--nodes", "tell node by node as well; with --json, an object for each node in place of the plan")
    .action(async (options) => (await import("./deploy.ts")).planDeployment(options));
  withWaitOptions(
    withEditOptions(leaf(deploy, "apply", "show what an edit would do, and do it once that is agreed to"))
      .option("-y, --yes", "do it without asking")
      .option("--plan <hash>", "do it if the plan still has this hash, without asking"),
  ).action(async (options) => (await import("./deploy.ts")).applyDeployment(options));

  withWaitOptions(
    leaf(program, "apply", "make a workspace what a file declares: groups, nodes, deployments, releases")
      .requiredOption("-f, --file <file>", "YAML or JSON, as export writes it; - for the standard input")
      .option("--prune", "delete what is not declared, in those parts that are")
      .option("--dry-run", "show what there is to do, and end")
      .option("--exit-code", "with --dry-run, exit with 11 when there is something to do")
      .option("-y, --yes", "do it without asking"),
  )
    .helpGroup(WORK)
    .action(async (options) => (await import("./apply.ts")).applyFleet(options));
  leaf(program, "export", "write a workspace as a file that apply takes")
    .option("-o, --output <file>", "the standard output unless it is given")
    .helpGroup(WORK)
    .action(async (options) => (await import("./apply.ts")).exportFleet(options));

  leaf(program, "completion", "print what makes the shell complete commands: bash, zsh or fish")
    .addArgument(new Argument("<shell>").choices(["bash", "zsh", "fish"]))
    .helpGroup(START)
    .action(async (shell, options) => (await import("./completion.ts")).printCompletion(shell, program, options));
};

const repeated = (value: string, before: readonly string[] = []): string[] => [...before, value];

const withEditOptions = (command: Command): Command =>
  command
    .option("--group <group>", "whose deployment: a node group's")
    .option("--node <node>", "or a node's own")
    .addOption(new Option("--component <name@version>", "add or change; may be repeated").argParser(repeated))
    .addOption(new Option("--remove <component>", "remove; may be repeated").argParser(repeated))
    .addOption(
      new Option("--priority <n>", "decides between groups; higher wins").argParser((text: string) =>
        integer(text, "--priority"),
      ),
    )
    .option("-f, --file <file>", "components and settings as YAML or JSON, as in the API's edit")
    .option("--replace", "the file is all: what it does not name is removed")
    .option("--refresh [a,b]", "let components, or all, see what was published since")
    .addOption(new Option("--rollback <revision>", "say again what a revision said").argParser(count))
    .option("--reason <text>", "kept with the revision");

const START = "To begin:";
const WORK = "Work:";
