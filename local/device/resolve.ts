import { DeploymentError } from "./errors.ts";
import { leaveRoom, type Resolved, requirementsOf, satisfiesAll, startOrder, type Targets } from "./merge.ts";

/** Questions to the cloud: many times what one deployment can name. Who needs more goes round in circles. */
const MAX_QUESTIONS = 10_000;

const unmet = (name: string, requirements: Readonly<Record<string, string>>): DeploymentError => {
  const list = Object.entries(requirements).map(([by, range]) => `${by} requires ${range}`);
  return new DeploymentError(
    ["NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"],
    `No version of ${name} meets all requirements: ${list.join(", ")}`,
  );
};

/**
 * One version of every component that the targets name, and of all that these depend on, so that every requirement is met.
 *
 * @param resolve asks the cloud for the version of a component that meets the requirements, which are named by who has
 * them; undefined when there is none
 * @returns the components after those that they depend on
 * @throws DeploymentError when no version will do, or components depend on each other; and what `resolve` throws
 */
export const resolveAll = async <T extends Resolved>(
  targets: Targets,
  resolve: (name: string, requirements: Readonly<Record<string, string>>) => Promise<T | undefined>,
): Promise<Map<string, T>> => {
  const resolved = new Map<string, T>();
  for (let questions = 0; questions < MAX_QUESTIONS; questions += 1) {
    // Anew after each answer: another version of one component may need another version of the next, or none.
    const requirements = requirementsOf(targets, resolved);
    const open = [...requirements].find(([name, required]) => {
      const known = resolved.get(name);
      return known === undefined || !satisfiesAll(known.version, Object.values(required));
    });
    if (open !== undefined) {
      const [name, required] = open;
      const found = leaveRoom(Object.values(required)) ? await resolve(name, required) : undefined;
      if (found === undefined) throw unmet(name, required);
      resolved.set(name, found);
      continue;
    }
    // What an earlier choice brought in and the last one does not need falls away.
    const needed = new Map([...resolved].filter(([name]) => requirements.has(name)));
    try {
      return new Map(startOrder(needed).map((name) => [name, needed.get(name) as T]));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new DeploymentError(
        ["COMPONENT_CIRCULAR_DEPENDENCY_ERROR"],
        `Components need each other: ${error.message}`,
      );
    }
  }
  throw new DeploymentError(
    ["NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"],
    `The components' requirements have not settled after ${MAX_QUESTIONS} questions`,
  );
};
