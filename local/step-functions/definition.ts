import { isDistributed } from "./interpreter.ts";
import { labelOf } from "./map-run.ts";
import { type Fields, isFields } from "./paths.ts";
import type { StateMachineDefinition } from "./scope.ts";
import { FUNCTION, INTEGRATION } from "./task.ts";

/** A definition that runs here as on AWS, and those of the children that its Map states start, by their labels. */
export interface Prepared {
  readonly definition: StateMachineDefinition;
  readonly children: ReadonlyMap<string, { readonly definition: StateMachineDefinition; readonly express: boolean }>;
}

export class UnsupportedDefinition extends Error {
  constructor(machine: string, message: string) {
    super(`state machine ${machine}: ${message}`);
    this.name = "UnsupportedDefinition";
  }
}

/** Fields of JSONata and of variables. */
const REFUSED_FIELDS = ["Assign", "Arguments", "Output", "Items", "Credentials"];
/** Fields of a Map in distributed mode. */
const DISTRIBUTED_FIELDS = [
  "ItemReader",
  "ItemBatcher",
  "ResultWriter",
  "Label",
  "ToleratedFailureCount",
  "ToleratedFailureCountPath",
  "ToleratedFailurePercentage",
  "ToleratedFailurePercentagePath",
];
const READERS = /:s3:(getObject|listObjectsV2)$/;
const INPUT_TYPES = ["CSV", "JSON", "JSONL"];
/** Parameters of lambda:invoke other than those would change what it does. */
const INVOKE_PARAMETERS = ["FunctionName", "Payload", "FunctionName.$", "Payload.$"];

const listOf = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isFields) : []);

/**
 * Reads a definition.
 * @throws {@link UnsupportedDefinition} for what would run differently here than on AWS
 */
export const prepareDefinition = (machine: string, definition: object): Prepared => {
  const children = new Map<string, { definition: StateMachineDefinition; express: boolean }>();
  const names = new Set<string>();
  const refuse = (message: string): never => {
    throw new UnsupportedDefinition(machine, message);
  };

  const checkTask = (name: string, state: Fields): void => {
    const resource = String(state.Resource);
    const integration = INTEGRATION.test(resource);
    if (!integration && !FUNCTION.test(resource)) {
      refuse(`${name}: the resource ${resource} is not available here, only lambda:invoke and function ARNs`);
    }
    const { HeartbeatSeconds: heartbeat, TimeoutSeconds: timeout } = state;
    if (typeof heartbeat === "number" && typeof timeout === "number" && heartbeat >= timeout) {
      refuse(`${name}: HeartbeatSeconds must be smaller than TimeoutSeconds`);
    }
    if (!integration || !isFields(state.Parameters)) return;
    const other = Object.keys(state.Parameters).find((parameter) => !INVOKE_PARAMETERS.includes(parameter));
    if (other !== undefined) refuse(`${name}: lambda:invoke with ${other} is not available here`);
  };

  const checkReader = (name: string, reader: Fields): void => {
    if (!READERS.test(String(reader.Resource))) refuse(`${name}: ItemReader ${reader.Resource} is not available here`);
    const config = isFields(reader.ReaderConfig) ? reader.ReaderConfig : {};
    const type = config.InputType;
    if (type !== undefined && !INPUT_TYPES.includes(String(type))) {
      refuse(`${name}: ItemReader with InputType ${type} is not available here, only ${INPUT_TYPES.join(", ")}`);
    }
    if (String(reader.Resource).endsWith(":s3:getObject") && type === undefined) {
      refuse(`${name}: ItemReader needs an InputType`);
    }
    for (const field of ["ItemsPointer", "Transformation", "ManifestType"]) {
      if (config[field] !== undefined) refuse(`${name}: ItemReader with ${field} is not available here`);
    }
  };

  const checkMap = (name: string, state: Fields): void => {
    const processor = state.ItemProcessor ?? state.Iterator;
    if (!isFields(processor)) throw new UnsupportedDefinition(machine, `${name} has no ItemProcessor`);
    if (!isDistributed(state)) {
      const field = DISTRIBUTED_FIELDS.find((one) => state[one] !== undefined);
      if (field !== undefined) refuse(`${name}: ${field} is for a Map in distributed mode`);
      checkMachine(processor, name);
      return;
    }
    if (isFields(state.ItemReader)) checkReader(name, state.ItemReader);
    if (isFields(state.ResultWriter)) {
      if (state.ResultWriter.WriterConfig !== undefined) refuse(`${name}: WriterConfig is not available here`);
      if (!String(state.ResultWriter.Resource).endsWith(":s3:putObject")) {
        refuse(`${name}: ResultWriter ${state.ResultWriter.Resource} is not available here`);
      }
    }
    const label = labelOf(name, state);
    if (!/^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,40}$/u.test(label)) refuse(`${name}: Label ${label} is not valid`);
    if (children.has(label)) refuse(`two Map states have the label ${label}`);
    const config = isFields(processor.ProcessorConfig) ? processor.ProcessorConfig : {};
    const express = config.ExecutionType === "EXPRESS";
    if (express && /waitForTaskToken/.test(JSON.stringify(processor))) {
      refuse(`${name}: an EXPRESS child cannot wait for a task token`);
    }
    children.set(label, { definition: checkMachine(processor, name), express });
  };

  const checkState = (name: string, state: Fields): void => {
    if (names.has(name)) refuse(`two states are named ${name}; names must be unique at every depth`);
    names.add(name);
    const field = REFUSED_FIELDS.find((one) => state[one] !== undefined);
    if (field !== undefined) refuse(`${name}: ${field} is not available here`);
    if ((state.QueryLanguage ?? "JSONPath") !== "JSONPath") refuse(`${name}: only JSONPath is available here`);
    if (state.Type === "Task") checkTask(name, state);
    if (state.Type === "Map") checkMap(name, state);
    if (state.Type === "Parallel") for (const branch of listOf(state.Branches)) checkMachine(branch, name);
  };

  const checkMachine = (given: unknown, where: string): StateMachineDefinition => {
    if (!isFields(given) || typeof given.StartAt !== "string" || !isFields(given.States)) {
      return refuse(`${where} has no StartAt and States`);
    }
    if ((given.QueryLanguage ?? "JSONPath") !== "JSONPath") refuse(`${where}: only JSONPath is available here`);
    for (const [name, state] of Object.entries(given.States)) {
      checkState(name, isFields(state) ? state : refuse(`${name} is not a state`));
    }
    if (!(given.StartAt in given.States)) refuse(`${where} starts at ${given.StartAt}, which does not exist`);
    return given as unknown as StateMachineDefinition;
  };

  // A copy: what is given to the engine may not change under it.
  return { definition: checkMachine(JSON.parse(JSON.stringify(definition)), "the definition"), children };
};
