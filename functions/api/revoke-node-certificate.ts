import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { requestRevocation } from "../../shared/registration/certificate.ts";
import { endpoint } from "../http/endpoint.ts";
import { findCertificate, findNode } from "../http/resources.ts";

export const handler = endpoint(
  nodeRoutes,
  "revokeNodeCertificate",
  async ({ workspace, params, caller, moment, accept }) => {
    const node = await findNode(workspace, params.node);
    const certificate = await findCertificate(node, params.certificate);
    return accept(requestRevocation(node, certificate, caller, moment));
  },
);
