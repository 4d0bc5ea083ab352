import { type Route, routes } from "./routes.ts";

/**
 * The scope that a machine credential needs for an operation: what the path is about, and whether it is read or written.
 * A node group's deployment is a deployment, and the path of the workspace alone is about the workspace.
 */
export const scopeOf = ({ method, path, readOnly }: Pick<Route, "method" | "path" | "readOnly">): string => {
  const parts = path.split("/").slice(2); // without the version
  const below = parts[0] === "workspaces" ? parts.slice(2) : parts;
  const noun = below.includes("deployment") ? "deployments" : (below[0] ?? "workspace");
  return `${noun}:${method === "GET" || readOnly ? "read" : "write"}`;
};

/** Every scope that a machine credential may be given: those of operations that take a token, and are not people's alone. */
export const SCOPES: readonly string[] = [
  ...new Set(
    Object.values<Route>(routes)
      .filter(({ access, peopleOnly }) => access !== "anyone" && !peopleOnly)
      .map(scopeOf),
  ),
].sort();
