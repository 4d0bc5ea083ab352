import { makeDocsPage } from "./make-page.ts";

/** The page of `GET /v1/docs`. In bundles it is made beforehand and stands in this module's place (`stacks/bundle.ts`). */
export const docsPage = makeDocsPage();
