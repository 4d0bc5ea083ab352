import { nodeRoutes } from "../../shared/declared/routes/nodes.ts";
import { partitions } from "../../shared/keys.ts";
import { Certificate, type StoredCertificate } from "../../shared/registration/certificate.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { pageOf } from "../http/paging.ts";
import { findNode } from "../http/resources.ts";

export const handler = endpoint(nodeRoutes, "listNodeCertificates", async ({ workspace, params, query }) => {
  const node = await findNode(workspace, params.node);
  return pageOf({ partition: partitions.certificates(node.id) }, query, (certificate: StoredCertificate) =>
    view(Certificate, certificate),
  );
});
