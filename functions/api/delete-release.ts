import { deleteRelease } from "../../shared/ota/release.ts";
import { endpoint } from "../http/endpoint.ts";
import { findRelease } from "../http/resources.ts";

export const handler = endpoint("deleteRelease", async ({ workspace, params, caller, moment, accept }) =>
  accept(deleteRelease(await findRelease(workspace, params.release), caller, moment)),
);
