import { type Route, type RouteName, routes } from "../../shared/declared/routes.ts";
import { isRole, ROLES, type Role } from "../../shared/workspace/access.ts";

/** The least role that may do all of these operations of a workspace. */
export const roleFor = (operations: readonly RouteName[]): Role => {
  const needed = operations.map((operation) => (routes[operation] as Route).access).filter(isRole);
  return needed.reduce((most, role) => (ROLES.indexOf(role) > ROLES.indexOf(most) ? role : most), ROLES[0]);
};
