import { type Route, scopeOf } from "./routes/route.ts";
import { routes } from "./routes.ts";

/** Every scope that a machine credential may be given: those of operations that take a token, and are not people's alone. */
export const SCOPES: readonly string[] = [
  ...new Set(
    Object.values<Route>(routes)
      .filter(({ access, peopleOnly }) => access !== "anyone" && !peopleOnly)
      .map(scopeOf),
  ),
].sort();
