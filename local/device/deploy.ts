import { rm } from "node:fs/promises";
import * as z from "zod";
import { JsonObject } from "../../shared/json.ts";
import { artifactSource, fetchArtifacts } from "./artifacts.ts";
import { configurationOf, withUpdate } from "./configuration.ts";
import { DeploymentError, type ErrorCode, typesOf } from "./errors.ts";
import type { Content, Folder, Identity, Installed, State } from "./folder.ts";
import type { DeploymentReport } from "./health.ts";
import { HttpError, resolveCandidate, thingGroups } from "./http.ts";
import { inForce, isStale, parseConfigurationArn, provenance, type Root, startOrder, type Targets } from "./merge.ts";
import {
  type Component,
  dependenciesOf,
  interpolate,
  manifestOf,
  readRecipe,
  type Script,
  type Variables,
} from "./recipe.ts";
import { resolveAll } from "./resolve.ts";
import type { Runnable, Runner } from "./runner.ts";
import { backoffMs, type Log, retrying } from "./waiting.ts";

/** What the job document of a deployment says: FcsDeploymentConfig in https://github.com/aws-greengrass/aws-greengrass-nucleus */
const Document = z.object({
  deploymentId: z.string().min(1),
  configurationArn: z.string(),
  components: z
    .record(
      z.string(),
      z.object({
        version: z.string(),
        configurationUpdate: z
          .object({ merge: JsonObject.optional(), reset: z.array(z.string()).optional() })
          .optional(),
      }),
    )
    .default({}),
  /** Milliseconds. */
  creationTimestamp: z.number(),
  failureHandlingPolicy: z.enum(["ROLLBACK", "DO_NOTHING"]).default("ROLLBACK"),
  requiredCapabilities: z.array(z.string()).default([]),
});
type Document = z.infer<typeof Document>;

export interface Outcome extends DeploymentReport {
  readonly status: "SUCCEEDED" | "FAILED" | "REJECTED";
}

export interface DeployContext {
  readonly identity: Identity;
  readonly folder: Folder;
  readonly state: () => State;
  /** Keeps it: it is on disk when this returns. */
  readonly setState: (state: State) => void;
  readonly runner: Runner;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A service that answers with errors is asked that often; a network that is gone is waited for. */
const MAX_TRIES = 8;

/** What the cloud's refusals are called; undefined for what may pass. */
const refusalOf = (error: unknown, denied: ErrorCode): DeploymentError | undefined => {
  if (!(error instanceof HttpError) || error.status === 429 || error.status >= 500) return undefined;
  const code = ({ 400: "BAD_REQUEST", 403: denied, 404: "RESOURCE_NOT_FOUND", 409: "CONFLICTED_REQUEST" } as const)[
    error.status
  ];
  return new DeploymentError(["CLOUD_API_ERROR", code ?? "HTTP_REQUEST_ERROR"], error.message, { cause: error });
};

const NETWORK = /^(ECONN|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|UND_ERR)/;

/** Whether nobody answered. */
const isNetwork = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  const { code, name, cause } = error as NodeJS.ErrnoException;
  return NETWORK.test(String(code)) || name === "TimeoutError" || name === "AbortError" || isNetwork(cause);
};

/** What goes wrong with this device's own files. */
const isFile = (error: unknown): boolean => error instanceof Error && "syscall" in error && "path" in error;

/** Asks until there is an answer. @throws DeploymentError for a refusal, or for a service that keeps failing */
const asking = async <T>(
  { signal, log }: DeployContext,
  what: string,
  work: () => Promise<T>,
  refusal: (error: unknown) => DeploymentError | undefined = () => undefined,
): Promise<T> => {
  const delayMs = (error: unknown, tries: number) =>
    error instanceof DeploymentError ||
    isFile(error) ||
    refusal(error) !== undefined ||
    (tries >= MAX_TRIES && !isNetwork(error))
      ? undefined
      : backoffMs(tries);
  try {
    return await retrying(work, { signal, log, what, delayMs });
  } catch (error) {
    if (error instanceof DeploymentError || signal.aborted) throw error;
    if (isFile(error)) throw new DeploymentError(["IO_ERROR", "IO_WRITE_ERROR"], String(error), { cause: error });
    const code: ErrorCode = error instanceof HttpError && error.status === 429 ? "THROTTLING_ERROR" : "SERVER_ERROR";
    throw refusal(error) ?? new DeploymentError(["CLOUD_API_ERROR", code], String(error), { cause: error });
  }
};

/** A component as it is kept, read again. */
const componentOf = (
  name: string,
  { arn, version, recipe: text }: Pick<Installed, "arn" | "version" | "recipe">,
): Component => {
  const recipe = readRecipe(text, name, version);
  return { name, arn, version, recipe, dependencies: dependenciesOf(recipe) };
};

const componentsOf = ({ components }: Content): Map<string, Component> =>
  new Map(Object.entries(components).map(([name, installed]) => [name, componentOf(name, installed)]));

/** What of a content is run, with every variable's value, in the order in which it is started. */
export const runnables = (identity: Identity, folder: Folder, content: Content): Runnable[] => {
  const components = componentsOf(content);
  const variablesOf = (name: string): Variables | undefined => {
    const component = components.get(name);
    const installed = content.components[name];
    if (component === undefined || installed === undefined) return undefined;
    return {
      artifacts: folder.artifacts(name, component.version),
      decompressed: folder.decompressed(name, component.version),
      work: folder.work(name),
      root: folder.root,
      thing: identity.thing,
      configuration: configurationOf(component.recipe.ComponentConfiguration?.DefaultConfiguration, installed.updates),
    };
  };
  return startOrder(components).flatMap((name) => {
    const component = components.get(name);
    const variables = variablesOf(name);
    if (component === undefined || variables === undefined) return [];
    const filled = (script: Script | undefined) =>
      script && { ...script, script: interpolate(script.script, variables, variablesOf) };
    const { Setenv, Install, Startup, Run, Shutdown } = manifestOf(component.recipe).Lifecycle;
    const lifecycle = {
      Setenv,
      Install: filled(Install),
      Startup: filled(Startup),
      Run: filled(Run),
      Shutdown: filled(Shutdown),
    };
    return {
      name,
      signature: JSON.stringify([component.arn, variables.configuration, lifecycle]),
      lifecycle,
      work: variables.work,
      log: folder.log(name),
      environment: { AWS_IOT_THING_NAME: identity.thing, AWS_REGION: identity.region },
    };
  });
};

/** The document, and whose it is. @throws DeploymentError for what is none */
const readDocument = (value: unknown): { document: Document; target: string; revision: number } => {
  const parsed = Document.safeParse(value);
  const of = parsed.success ? parseConfigurationArn(parsed.data.configurationArn) : undefined;
  if (!parsed.success || of === undefined)
    throw new DeploymentError(
      ["DEPLOYMENT_DOCUMENT_NOT_VALID"],
      parsed.success ? `${parsed.data.configurationArn} is no configuration's ARN` : z.prettifyError(parsed.error),
    );
  return { document: parsed.data, ...of };
};

const withoutUpdates = (components: Document["components"]): Record<string, Root> =>
  Object.fromEntries(Object.entries(components).map(([name, { version }]) => [name, { version }]));

/** What the device is to have once the deployment is done. @throws DeploymentError */
const plan = async (
  context: DeployContext,
  before: Content,
  value: unknown,
): Promise<{ document: Document; content: Content }> => {
  const { identity } = context;
  const { document, target, revision } = readDocument(value);
  if (document.requiredCapabilities.length > 0)
    throw new DeploymentError(
      ["NUCLEUS_MISSING_REQUIRED_CAPABILITIES"],
      `This device has none of ${document.requiredCapabilities.join(", ")}`,
    );
  if (isStale(before.targets, target, revision))
    throw new DeploymentError(
      ["REJECTED_STALE_DEPLOYMENT"],
      `${target} has had revision ${before.targets[target]?.revision}`,
    );
  const groups = await asking(
    context,
    "listing the thing groups",
    () => thingGroups(identity),
    (error) => refusalOf(error, "ACCESS_DENIED"),
  );
  const incoming = {
    deploymentId: document.deploymentId,
    configurationArn: document.configurationArn,
    revision,
    components: withoutUpdates(document.components),
  };
  const targets: Targets = inForce(before.targets, { [target]: incoming }, groups);
  const recipes = new Map<string, string>();
  const components = await resolveAll(targets, async (name, requirements) => {
    const version = before.components[name]?.version;
    const found = await asking(
      context,
      `resolving ${name}`,
      () =>
        resolveCandidate(identity, { name, version, requirements }).catch((error: unknown) => {
          if (error instanceof HttpError && error.status === 404) return undefined;
          throw error;
        }),
      (error) => refusalOf(error, "RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED"),
    );
    if (found === undefined) return undefined;
    recipes.set(name, found.recipe);
    return componentOf(name, found);
  });
  const entries = [...components.values()].map(({ name, arn, version }): [string, Installed] => {
    const update = document.components[name]?.configurationUpdate;
    const updates = before.components[name]?.updates ?? [];
    return [
      name,
      {
        arn,
        version,
        recipe: recipes.get(name) ?? "",
        updates:
          update === undefined
            ? updates
            : withUpdate(updates, { target, at: document.creationTimestamp, ...update }).map(
                ({ reset, merge, ...of }) => ({
                  ...of,
                  ...(reset !== undefined && { reset: [...reset] }),
                  ...(merge !== undefined && { merge: merge as Record<string, unknown> }),
                }),
              ),
        ...provenance(name, targets, components),
      },
    ];
  });
  const kept = Object.fromEntries(
    Object.entries(targets).map(([name, { components: roots, ...of }]) => [name, { ...of, components: { ...roots } }]),
  );
  return { document, content: { targets: kept, components: Object.fromEntries(entries) } };
};

const fetchAll = async (context: DeployContext, content: Content): Promise<void> => {
  const source = artifactSource(context.identity);
  try {
    for (const component of componentsOf(content).values())
      await asking(context, `fetching ${component.name}`, () =>
        fetchArtifacts(context.folder, component, source),
      ).catch((error: unknown) => {
        if (!(error instanceof DeploymentError) || error.codes[0] !== "CLOUD_API_ERROR") throw error;
        throw new DeploymentError(["ARTIFACT_DOWNLOAD_ERROR", ...error.codes], error.message, { cause: error });
      });
  } finally {
    source.close();
  }
};

/** Takes away what components left that are not there any more. */
const cleanUp = async ({ folder }: DeployContext, before: Content, after: Content): Promise<void> => {
  for (const [name, { version }] of Object.entries(before.components)) {
    if (after.components[name]?.version === version) continue;
    await rm(folder.artifacts(name, version), { recursive: true, force: true });
    await rm(folder.decompressed(name, version), { recursive: true, force: true });
    if (after.components[name] === undefined) await rm(folder.work(name), { recursive: true, force: true });
  }
};

type Failure = Pick<Outcome, "status" | "detailedStatus"> & { readonly error: DeploymentError };

/** Puts the content in the other one's place. @returns what went wrong, when something did */
const apply = async (
  context: DeployContext,
  before: Content,
  content: Content,
  document: Document,
): Promise<Failure | undefined> => {
  const { identity, folder, runner } = context;
  context.setState({ ...content, undecided: { deploymentId: document.deploymentId, before } });
  const broken = await runner.apply(runnables(identity, folder, content));
  if (broken.length === 0) return undefined;
  const error = new DeploymentError(
    ["COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"],
    `Components are broken: ${broken.join(", ")}`,
  );
  if (document.failureHandlingPolicy === "DO_NOTHING")
    return { status: "FAILED", detailedStatus: "FAILED_ROLLBACK_NOT_REQUESTED", error };
  context.log("rolling back", { deployment: document.deploymentId, broken });
  const stillBroken = await runner.apply(runnables(identity, folder, before));
  const detailedStatus = stillBroken.length === 0 ? "FAILED_ROLLBACK_COMPLETE" : "FAILED_UNABLE_TO_ROLLBACK";
  return { status: "FAILED", detailedStatus, error };
};

/**
 * Takes a deployment from its job document to its end. Nothing of the device changes until everything is resolved, fetched
 * and found to be what it should be. To do it again, after a kill, is to do it once.
 *
 * @throws what stops the device; whatever is wrong with the deployment is told in the outcome
 */
export const deploy = async (context: DeployContext, value: unknown): Promise<Outcome> => {
  const { deploymentId = "", configurationArn = "" } = z
    .object({ deploymentId: z.string(), configurationArn: z.string() })
    .partial()
    .catch({})
    .parse(value);
  const { undecided, ...current } = context.state();
  const before: Content = undecided?.deploymentId === deploymentId ? undecided.before : current;

  const outcome = (failure: Failure | undefined, after: Content): Outcome => {
    const codes: ErrorCode[] =
      failure === undefined
        ? []
        : [failure.status === "REJECTED" ? "DEPLOYMENT_REJECTED" : "DEPLOYMENT_FAILURE", ...failure.error.codes];
    return {
      deploymentId,
      configurationArn,
      status: failure?.status ?? "SUCCEEDED",
      detailedStatus: failure?.detailedStatus ?? "SUCCESSFUL",
      failureCause: failure?.error.message,
      errorStack: codes,
      errorTypes: typesOf(codes),
      removed: Object.entries(before.components)
        .filter(([name]) => after.components[name] === undefined)
        .map(([name, { version }]) => ({ name, version })),
    };
  };

  let planned: { document: Document; content: Content };
  try {
    planned = await plan(context, before, value);
    await fetchAll(context, planned.content);
  } catch (error) {
    if (!(error instanceof DeploymentError)) throw error;
    const isRejected = error.codes.includes("REJECTED_STALE_DEPLOYMENT");
    const failure: Failure = isRejected
      ? { status: "REJECTED", detailedStatus: "REJECTED", error }
      : { status: "FAILED", detailedStatus: "FAILED_NO_STATE_CHANGE", error };
    // An earlier start of this deployment that was broken off may have put its content in place.
    if (undecided?.deploymentId === deploymentId) context.setState({ ...before });
    return outcome(failure, before);
  }
  const { document, content } = planned;
  const failure = await apply(context, before, content, document);
  const after = failure === undefined || failure.detailedStatus === "FAILED_ROLLBACK_NOT_REQUESTED" ? content : before;
  context.setState({ ...after });
  await cleanUp(context, after === content ? before : content, after);
  return outcome(failure, after);
};
