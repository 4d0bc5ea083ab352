import { type IntentKind, workflowOf } from "../../shared/intent/intent.ts";
import type { Definition, State } from "../../workflows/asl.ts";
import type { TaskName } from "../../workflows/tasks.ts";
import { workflows } from "../../workflows/workflows.ts";

/** What a workflow does when nothing goes wrong: its state transitions, and the tasks that it runs, each time one. */
export interface HappyPath {
  readonly transitions: number;
  readonly tasks: readonly TaskName[];
}

const nextOf = (state: State<string>, isAgain: boolean): string | undefined => {
  switch (state.Type) {
    // A choice asks whether something is done by now, or to be done first: of a loop, one round is enough.
    case "Choice":
      return isAgain ? state.Default : state.Choices[0]?.Next;
    case "Succeed":
    case "Fail":
      return undefined;
    default:
      return "Next" in state ? state.Next : undefined;
  }
};

const walk = (definition: Definition, cells: number): HappyPath => {
  let transitions = 0;
  const tasks: TaskName[] = [];
  const seen = new Set<string>();
  let name: string | undefined = definition.StartAt;
  while (name !== undefined) {
    const state: State<string> | undefined = definition.States[name];
    if (state === undefined) throw new Error(`there is no state ${name}`);
    transitions += 1;
    if (state.Type === "Task") tasks.push(state.Parameters.FunctionName as TaskName);
    if (state.Type === "Map") {
      const inner = walk(state.ItemProcessor, cells);
      transitions += inner.transitions * cells;
      for (let cell = 0; cell < cells; cell += 1) tasks.push(...inner.tasks);
    }
    const isAgain = seen.has(name);
    seen.add(name);
    name = nextOf(state, isAgain);
  }
  return { transitions, tasks };
};

/** Counted in `workflows/`. @param cells over how many cells its Map goes, if it has one */
export const happyPath = (kind: IntentKind, cells: number): HappyPath => {
  const found = workflows.find(({ name }) => name === workflowOf(kind));
  if (found === undefined) throw new Error(`there is no workflow for ${kind}`);
  return walk(
    found.definition((task) => task),
    cells,
  );
};
