import { getItem } from "../../shared/aws/table.ts";
import { ComponentFile, type StoredFile, versionTakesFiles } from "../../shared/component/file.ts";
import { componentRoutes } from "../../shared/declared/routes/components.ts";
import { keys } from "../../shared/keys.ts";
import { view } from "../../shared/resource.ts";
import { endpoint } from "../http/endpoint.ts";
import { compare, expectOpen, sendingOf } from "../http/files.ts";
import { findVersion } from "../http/resources.ts";

export const handler = endpoint(
  componentRoutes,
  "createComponentFile",
  async ({ workspace, params, body, moment, commit }) => {
    const version = await findVersion(workspace, params.component, params.version);
    const place = { version, bucket: workspace.bucket };
    expectOpen(place);
    const former = await getItem<StoredFile>(keys.file(version.id, body.path));
    const declared = await compare(place, former, body, moment.now);
    const sending = await sendingOf(place, declared, moment.now);
    const writes = [versionTakesFiles(version), ...(declared.write === undefined ? [] : [declared.write])];
    const answer = await commit(writes, { body: { ...view(ComponentFile, declared.file), ...sending } });
    await declared.clear();
    return answer;
  },
);
