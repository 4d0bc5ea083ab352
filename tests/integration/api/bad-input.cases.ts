/** A request that must be refused. `<name>` stands for a value that the test fills in. */
export interface Refusal {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  /** JSON, or the text that is sent as it is. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status: number;
  readonly code: string;
  /** Where the first or any finding must point: a JSON pointer, or `?` and a parameter's name. */
  readonly at?: string;
  readonly allow?: readonly string[];
}

type Rest = Pick<Refusal, "body" | "headers" | "at" | "allow">;

const refusal =
  (method: string, status: number, code: string) =>
  (what: string, path: string, rest: Rest = {}): Refusal => ({ what, method, path, status, code, ...rest });

const post = refusal("POST", 400, "invalid-request");
const patch = refusal("PATCH", 400, "invalid-request");
const list = refusal("GET", 400, "invalid-request");
const badCursor = refusal("GET", 400, "invalid-cursor");
const absent = (method: string) => refusal(method, 404, "not-found");
const malformed = refusal("POST", 400, "malformed-json");

const W = "/v1/workspaces";
const G = "<ws>/node-groups";
const C = "<ws>/components";
const V = `${C}/com.example.A/versions`;
const D = `${G}/g/deployment`;
const ND = "<ws>/nodes/n/deployment";
const P = "<ws>/plans";
const F = `${V}/2.0.0/files`;
const R = "<ws>/releases";

const file = { path: "dist/a", size: 1, sha256: "0".repeat(64) };
const release = { app: "a", environment: "prod", version: "1", size: 1, sha256: "0".repeat(64) };
const version = { version: "3.0.0", recipe: { run: "true" } };
const deep = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
const merging = (json: string): string =>
  `{"components":{"com.example.A":{"version":"1.0.0","merge":{"deep":${json}}}}}`;
const wanting = (wanted: unknown, name = "com.example.A") => ({ body: { components: { [name]: wanted } } });
const of = (member: string, value: unknown, valid: object = {}) => ({
  body: { ...valid, [member]: value },
  at: `/${member}`,
});

const BODIES: readonly Refusal[] = [
  malformed("JSON that ends early", G, { body: '{"name":' }),
  malformed("no JSON at all", G, { body: "name=g" }),
  malformed("an empty body", G, { headers: { "content-type": "application/json" } }),
  malformed("two JSON values", G, { body: '{"name":"a"}{"name":"b"}' }),
  malformed("JSON with a trailing comma", G, { body: '{"name":"a",}' }),
  post("null for a body", G, { body: "null", at: "" }),
  post("a list for a body", G, { body: [{ name: "a" }], at: "" }),
  post("a text for a body", G, { body: '"name"', at: "" }),
  post("a body without its required member", G, { body: {}, at: "/name" }),
  post("an unknown member", G, of("color", "red", { name: "x" })),
  post("an unknown member called __proto__", G, { body: '{"name":"x","__proto__":{"a":1}}' }),
  post("an unknown member in a nested object", V, {
    body: { ...version, recipe: { run: "true", stop: "false" } },
    at: "/recipe/stop",
  }),
  post("a member in another case", G, { body: { Name: "x" }, at: "/Name" }),
  refusal("POST", 415, "unsupported-media-type")("a form", G, {
    body: "name=x",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  }),
  refusal("POST", 415, "unsupported-media-type")("JSON that says it is text", G, {
    body: { name: "x" },
    headers: { "content-type": "text/plain" },
  }),
  refusal("PATCH", 415, "unsupported-media-type")("a JSON patch", `${G}/g`, {
    body: [],
    headers: { "content-type": "application/json-patch+json", "if-match": "*" },
  }),
  refusal("POST", 413, "body-too-large")("a body of 300 KB", G, {
    body: { name: "x", description: "x".repeat(300_000) },
  }),
  refusal("POST", 413, "body-too-large")("a body of 300 KB that is not JSON", G, { body: "x".repeat(300_000) }),
  refusal("PATCH", 413, "body-too-large")("a body that is too large in bytes, not in characters", D, {
    ...wanting({ version: "1.0.0", merge: { text: "漢".repeat(100_000) } }),
  }),
  refusal("POST", 400, "invalid-request")("a body for a publication", `${V}/2.0.0/publish`, { body: { force: true } }),
  refusal("POST", 400, "invalid-request")("a body for a release's publication", `${R}/<release>/publish`, {
    body: "x",
  }),
  refusal("DELETE", 400, "invalid-request")("a body for a deletion", `${G}/g-2`, { body: { force: true } }),
];

const FIELDS: readonly Refusal[] = [
  post("an empty workspace name", W, of("name", "")),
  post("a workspace name of 42 characters", W, of("name", "a".repeat(42))),
  post("a workspace name in upper case", W, of("name", "Acme")),
  post("a workspace name that ends with a hyphen", W, of("name", "a-")),
  post("a workspace name with a line break after it", W, of("name", "a\n")),
  post("a description of 1025 characters", W, of("description", "x".repeat(1025), { name: "x" })),
  post("a description that is no Unicode", W, {
    body: '{"name":"x","description":"\\ud800"}',
    at: "/description",
  }),
  post("a description of null at creation", W, of("description", null, { name: "x" })),
  post("a number for a name", G, of("name", 7)),
  post("a node group name of 65 characters", G, of("name", "a".repeat(65))),
  post("a node group name that begins with a dot", G, of("name", ".a")),
  post("a node group name with a slash", G, of("name", "a/b")),
  post("a node group name with a hash", G, of("name", "a#b")),
  post("a node group name that looks like an id", G, of("name", "grp_01jd8x2m6q7w3k9v5t4r")),
  post("a node name with a space", "<ws>/nodes", of("name", "a b")),
  post("a node of an unknown runtime", "<ws>/nodes", of("runtime", "java", { name: "x" })),
  post("a node in ten groups", "<ws>/nodes", of("groups", [..."abcdefghij"], { name: "x" })),
  post("a node in the same group twice", "<ws>/nodes", of("groups", ["g", "g"], { name: "x" })),
  post("a node in the same group by name and id", "<ws>/nodes", {
    body: { name: "x", groups: ["g", "<group>"] },
    at: "/groups/1",
  }),
  post("a node in an unknown group", "<ws>/nodes", { body: { name: "x", groups: ["g", "no"] }, at: "/groups/1" }),
  post("a node in a group that is a node's id", "<ws>/nodes", {
    body: { name: "x", groups: ["<node>"] },
    at: "/groups/0",
  }),
  post("a node with 50 attributes", "<ws>/nodes", {
    body: { name: "x", attributes: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`a${index}`, "v"])) },
    at: "/attributes",
  }),
  post("an attribute's value with a space", "<ws>/nodes", {
    body: { name: "x", attributes: { site: "a b" } },
    at: "/attributes/site",
  }),
  post("an attribute without a value", "<ws>/nodes", {
    body: { name: "x", attributes: { site: "" } },
    at: "/attributes/site",
  }),
  post("an attribute of the product's own", "<ws>/nodes", {
    body: { name: "x", attributes: { slipwayNode: "nod_1" } },
    at: "/attributes/slipwayNode",
  }),
  post("a component name with a space", C, of("name", "a b")),
  post("a component name of 129 characters", C, of("name", "a".repeat(129))),
  post("a component called __proto__, which no deployment could name", C, of("name", "__proto__")),
  post("an empty publisher", C, of("publisher", "", { name: "x" })),
  post("a version that is none", V, of("version", "1.0", version)),
  post("a version with build metadata", V, of("version", "3.0.0+1", version)),
  post("a version with a v before it", V, of("version", "v3.0.0", version)),
  post("a version of 65 characters", V, of("version", `1.0.0-${"a".repeat(59)}`, version)),
  post("a recipe that is a text", V, of("recipe", "true", version)),
  post("a script of 4097 characters", V, {
    body: { ...version, recipe: { run: "x".repeat(4097) } },
    at: "/recipe/run",
  }),
  post("a default configuration that is a list", V, {
    body: { ...version, recipe: { configuration: [] } },
    at: "/recipe/configuration",
  }),
  post("a file outside src and dist", F, of("path", "bin/a", file)),
  post("a file with .. in its path", F, of("path", "dist/../a", file)),
  post("a file with a backslash in its path", F, of("path", "dist/a\\b", file)),
  post("a file with an empty part in its path", F, of("path", "dist//a", file)),
  post("a file whose path is longer than a key in bytes", F, of("path", `dist/${"漢".repeat(500)}`, file)),
  post("a file of a negative size", F, of("size", -1, file)),
  post("a file of more than 2 GB", F, of("size", 2 * 1024 ** 3 + 1, file)),
  post("a file with a name of 256 bytes", F, of("path", `dist/${"a".repeat(256)}`, file)),
  post("a manifest with a climbing path", `${V}/2.0.0/manifest`, {
    body: { files: [file, { ...file, path: "src/../dist/b" }] },
    at: "/files/1/path",
  }),
  post("a manifest that names a file twice", `${V}/2.0.0/manifest`, {
    body: { files: [file, file] },
    at: "/files/1/path",
  }),
  post("a manifest with paths that differ in letter case alone", `${V}/2.0.0/manifest`, {
    body: { files: [file, { ...file, path: "dist/A" }] },
    at: "/files/1/path",
  }),
  post("a manifest in which a file is a folder too", `${V}/2.0.0/manifest`, {
    body: { files: [{ ...file, path: "dist/a/b" }, file] },
    at: "/files/1/path",
  }),
  post("a manifest of one file too many", `${V}/2.0.0/manifest`, {
    body: { files: Array.from({ length: 5_001 }, (_, index) => ({ ...file, path: `src/${index}` })) },
    at: "/files",
  }),
  absent("GET")("a file that was not declared", `${F}/dist/none`),
  absent("GET")("a file at a path that none can have", `${F}/dist//none`),
  absent("DELETE")("the deletion of a file that was not declared", `${F}/dist/none`),
  absent("GET")("the upload of a file that was not declared", `${V}/2.0.0/uploads/dist/none`),
  absent("POST")("the completion of an upload of nothing", `${V}/2.0.0/uploads/dist/none`),
  post("a file of half a byte", F, of("size", 0.5, file)),
  post("a hash in upper case", F, of("sha256", "A".repeat(64), file)),
  post("a hash of 63 digits", F, of("sha256", "a".repeat(63), file)),
  post("an app that devices cannot ask for", R, of("app", "cpuArch", release)),
  post("an app whose name begins with attr", R, of("app", "AttrX", release)),
  post("a release of nothing", R, of("size", 0, release)),
  post("a release with 33 attributes", R, of("attributes", Array(33).fill("a"), release)),
  post("a release for 101 % of the devices", R, of("rollout", 101, release)),
  post("a release that waits for a day in words", R, of("notBefore", "tomorrow", release)),
  post("a release for hardware with a comma", R, { ...of("hardware", ["a,b"], release), at: "/hardware/0" }),
  post("a release for 17 architectures", R, of("cpuArch", Array(17).fill("a"), release)),
  post("a release that needs no version at all", R, of("minimumVersion", "", release)),
  post("a release whose environment has a hash", R, of("environment", "a#b", release)),
  patch("an edit of nothing", D, { body: {}, at: "" }),
  patch("a priority of 1001", D, of("priority", 1001)),
  patch("a priority of half", D, of("priority", 0.5)),
  patch("a requirement that is none", D, {
    ...wanting({ version: "latest" }),
    at: "/components/com.example.A/version",
  }),
  patch("configuration that is a text", D, {
    ...wanting({ version: "1.0.0", merge: "x" }),
    at: "/components/com.example.A/merge",
  }),
  patch("a reset path that is no pointer", D, {
    ...wanting({ version: "1.0.0", reset: ["a"] }),
    at: "/components/com.example.A/reset/0",
  }),
  patch("a component name that is none, with its pointer escaped", D, {
    ...wanting({ version: "1.0.0" }, "a/b~c"),
    at: "/components/a~1b~0c",
  }),
  patch("configuration 50000 levels deep", D, { body: merging(deep(50_000)) }),
  refusal("PATCH", 422, "unresolvable")("a component that does not exist", D, {
    ...wanting({ version: "1.0.0" }, "com.example.No"),
    at: "/components/com.example.No/version",
  }),
  patch("a deployment of a component called __proto__", D, {
    body: '{"components":{"__proto__":{"version":"1.0.0"}}}',
  }),
  refusal("PATCH", 422, "unresolvable")(
    "a component called constructor",
    D,
    wanting({ version: "1.0.0" }, "constructor"),
  ),
  refusal("PATCH", 422, "unresolvable")("a version that is still a draft", D, {
    ...wanting({ version: "2.0.0" }),
    at: "/components/com.example.A/version",
  }),
];

const unknownRevision = { body: { revision: 99 } };
const wanted = { "com.example.A": { version: "1.0.0" } };
const proposing = (nodeGroups: object, more: object = {}) => ({ body: { nodeGroups, ...more } });
const asking = { deployment: { edit: "patch", priority: 1 } };

const DEPLOYMENTS: readonly Refusal[] = [
  patch("an edit that changes nothing but gives a reason", D, { body: { reason: "why not" } }),
  patch("an edit with a hash that is none", D, { body: { priority: 1, plan: "no" }, at: "/plan" }),
  patch("an edit with a member of the stored form", D, { body: { priority: 1, catalogue: 9 }, at: "/catalogue" }),
  patch("a rollout without end", D, { body: { rollout: { maximumPerMinute: 0 } }, at: "/rollout/maximumPerMinute" }),
  patch("limits of what a component may use that are below nothing", D, {
    ...wanting({ version: "1.0.0", runWith: { systemResourceLimits: { memory: -1 } } }),
    at: "/components/com.example.A/runWith/systemResourceLimits/memory",
  }),
  refusal("PATCH", 412, "precondition-failed")("an edit with the plan of something else", D, {
    body: { priority: 1, plan: "0".repeat(64) },
  }),
  refusal("PUT", 400, "invalid-request")("a replacement without a plan", D, {
    body: { components: wanted },
    at: "/plan",
  }),
  refusal("PUT", 400, "invalid-request")("a replacement that removes by null", D, {
    body: { components: { "com.example.A": null }, plan: "0".repeat(64) },
    at: "/components/com.example.A",
  }),
  refusal("PUT", 412, "precondition-failed")("a replacement with the plan of something else", D, {
    body: { components: wanted, plan: "0".repeat(64) },
  }),
  refusal("PUT", 412, "precondition-failed")("a replacement of a revision that was another one", D, {
    body: { components: wanted, plan: "0".repeat(64) },
    headers: { "if-match": '"9"' },
  }),
  post("a rollback to no revision", `${D}/rollback`, { body: { revision: 0 }, at: "/revision" }),
  absent("POST")("a rollback to a revision that there is none", `${D}/rollback`, unknownRevision),
  absent("POST")("a rollback of a node that never had a deployment", `${ND}/rollback`, { body: { revision: 1 } }),
  absent("POST")("a refresh of a node without a deployment of its own", `${ND}/refresh`, { body: {} }),
  absent("DELETE")("the deletion of a node's deployment that there is none", ND),
  refusal("PATCH", 412, "precondition-failed")("an edit of a revision of what there is none", ND, {
    body: { priority: 1 },
    headers: { "if-match": '"1"' },
  }),
  ...[ND, `${D}/revisions/0`, `${D}/revisions/01`, `${D}/revisions/x`, `${D}/revisions/99`].map((path) =>
    absent("GET")(`nothing at ${path}`, path),
  ),
  absent("GET")("differences from a revision that there is none", `${D}/revisions/1/diff?from=98`),
  list("differences from nothing", `${D}/revisions/1/diff?from=0`, { at: "?from" }),
  badCursor("revisions after another list's cursor", `${D}/revisions?cursor=<cursor>`),

  post("a plan for a node group that there is none", P, { ...proposing({ no: asking }), at: "/nodeGroups/no" }),
  post("a plan for a node group by its name and its id", P, {
    body: '{"nodeGroups":{"g":{"deployment":null},"<group>":{"deployment":null}}}',
    at: "/nodeGroups/<group>",
  }),
  post("a plan that puts a node into a group that there is none", P, {
    ...proposing({}, { nodes: { n: { groups: ["g", "no"] } } }),
    at: "/nodes/n/groups/1",
  }),
  post("a plan for a new node twice in one group", P, {
    body: '{"newNodes":[{"name":"x","groups":["g","<group>"]}]}',
    at: "/newNodes/0/groups/1",
  }),
  post("a plan for a new node group that is there", P, {
    body: '{"newNodeGroups":[{"name":"fresh"},{"name":"g"}]}',
    at: "/newNodeGroups/1/name",
  }),
  post("a plan for two new node groups of one name", P, {
    body: '{"newNodeGroups":[{"name":"fresh"},{"name":"fresh"}]}',
    at: "/newNodeGroups/1/name",
  }),
  post("a plan for a new node group that refreshes what it does not have", P, {
    body: '{"newNodeGroups":[{"name":"fresh","deployment":{"edit":"refresh"}}]}',
    at: "/newNodeGroups/0/deployment/edit",
  }),
  post("a plan for a node that there is none", P, { body: { nodes: { no: null } }, at: "/nodes/no" }),
  post("a plan of an edit of no kind", P, {
    ...proposing({ g: { deployment: { edit: "undo" } } }),
    at: "/nodeGroups/g/deployment/edit",
  }),
  post("a plan of an edit that changes nothing", P, proposing({ g: { deployment: { edit: "patch" } } })),
  absent("POST")("a plan of a rollback to a revision that there is none", P, {
    ...proposing({ g: { deployment: { edit: "rollback", revision: 99 } } }),
  }),
  absent("POST")("a plan to lift what is not there", P, { body: { nodes: { n: { deployment: null } } } }),
  absent("POST")("a plan for nodes of a group that there is none", `${P}/nodes?group=no`, { body: {} }),
  ...[P, `${P}/nodes`].map((path) =>
    refusal("POST", 400, "invalid-cursor")(`${path} after another list's cursor`, `${path}?cursor=<cursor>`, {
      body: {},
    }),
  ),
  refusal("POST", 412, "precondition-failed")("a cursor of a plan that is another one by now", `${P}?cursor=<stale>`, {
    body: {},
  }),
];

const QUERIES: readonly Refusal[] = [
  ...["0", "101", "-1", "abc", "1.5", "", "1,2", "%zz", "Infinity"].map((limit) =>
    list(`a limit of ${limit === "" ? "nothing" : limit}`, `${G}?limit=${limit}`, { at: "?limit" }),
  ),
  list("a limit given twice", `${G}?limit=1&limit=2`, { at: "?limit" }),
  list("an unknown parameter", `${G}?sort=name`, { at: "?sort" }),
  list("an unknown parameter where none is taken", `${G}/g?verbose=1`, { at: "?verbose" }),
  list("an unknown parameter called constructor", `${G}?constructor=1`, { at: "?constructor" }),
  list("an unknown parameter called __proto__", `${G}?__proto__=1`, { at: "?__proto__" }),
  post("a parameter for a creation", `${G}?name=x`, { body: { name: "x" }, at: "?name" }),
  list("an empty group", "<ws>/nodes?group=", { at: "?group" }),
  list("a group of 65 characters", `<ws>/nodes?group=${"a".repeat(65)}`, { at: "?group" }),
  list("an empty cursor", `${G}?cursor=`, { at: "?cursor" }),
  list("a cursor of 3,073 characters", `${G}?cursor=${"a".repeat(3_073)}`, { at: "?cursor" }),
  badCursor("a cursor of garbage", `${G}?cursor=garbage`),
  badCursor("a cursor that was cut", `${G}?cursor=<cursor>`.replace("<cursor>", "WyJ3c18")),
  badCursor("a cursor of another workspace", `${G}?cursor=<foreignCursor>`),
  badCursor("a cursor of the intents", `${G}?cursor=<intentsCursor>`),
  badCursor("a node group's cursor for the intents", "<ws>/intents?cursor=<cursor>"),
  badCursor("a cursor after a number", `${G}?cursor=<cursorOfNumber>`),
  badCursor("a cursor after nothing", `${G}?cursor=<cursorOfNothing>`),
  badCursor("a cursor after an object", `${G}?cursor=<cursorOfObject>`),
  badCursor("a cursor of three parts", `${G}?cursor=<cursorOfThree>`),
  badCursor("a cursor into another partition", `${G}?cursor=<cursorOfElse>`),
  badCursor("a cursor of the intents after no id", "<ws>/intents?cursor=<intentsCursorOfText>"),
  absent("GET")("a list of the nodes of an unknown group", "<ws>/nodes?group=no"),
];

const edit = { description: "changed" };
const stale = (etag: string): Refusal =>
  refusal("PATCH", 412, "precondition-failed")(`If-Match of ${etag}`, `${G}/g`, {
    body: edit,
    headers: { "if-match": etag },
  });
const key = (what: string, value: string): Refusal =>
  refusal("POST", 400, "invalid-idempotency-key")(`an Idempotency-Key ${what}`, G, {
    body: { name: "keyed" },
    headers: { "idempotency-key": value },
  });

const HEADERS: readonly Refusal[] = [
  ...[`${G}/g`, "<ws>/nodes/n", `${C}/com.example.A`, "<ws>"].map((path) =>
    refusal("PATCH", 428, "precondition-required")(`no If-Match for ${path}`, path, { body: edit }),
  ),
  ...['"7"', '"01"', 'W/"1"', "1", '""', '"', "garbage", '"1" ""', '"9999999999999999"', '"-1"', "**"].map(stale),
  refusal("PATCH", 412, "precondition-failed")("a stale If-Match for a deployment", D, {
    body: { priority: 3 },
    headers: { "if-match": '"9"' },
  }),
  refusal("DELETE", 412, "precondition-failed")("a stale If-Match to empty a deployment", D, {
    headers: { "if-match": '"9"' },
  }),
  key("of nothing", ""),
  key("of 256 characters", "k".repeat(256)),
  key("with a space", "a b"),
  key("outside ASCII", "caf\u00e9"),
];

const PATHS: readonly Refusal[] = [
  ...[
    "/v1/workspaces/no",
    "/v1/workspaces/ws_00000000000000000000",
    "/v1/workspaces/<group>",
    `${G}/no`,
    `${G}/grp_00000000000000000000`,
    `${G}/<node>`,
    `${G}/G`,
    "<ws>/nodes/<group>",
    `${C}/<release>`,
    `${V}/9.9.9`,
    `${V}/<node>`,
    `${R}/app`,
    "/v1/intents/no",
    "/v1/intents/<node>",
    "/v1/intents/int_00000000000000000000",
    `${G}/${"a".repeat(257)}`,
    `${G}/${"a".repeat(5_000)}`,
    `${G}/${encodeURIComponent("漢".repeat(200))}`,
    `${G}/%`,
    `${G}/%zz`,
    `${G}/%E0%A4%A`,
    `${G}/%C0%80`,
    `${G}/%00`,
    `${G}/a%2Fb`,
    `${G}/%2E%2E%2Fg`,
    `${G}/g%20`,
    `${G}/g%23`,
    `${G}/__proto__`,
  ].map((path) =>
    absent("GET")(
      `an unknown thing: ${path.length > 60 ? `${path.slice(0, 60)}… of ${path.length} characters` : path}`,
      path,
    ),
  ),
  absent("DELETE")("the deletion of an unknown node", "<ws>/nodes/no"),
  absent("PATCH")("an edit of an unknown component", `${C}/no`, { body: edit, headers: { "if-match": "*" } }),
  absent("POST")("a version of an unknown component", `${C}/no/versions`, { body: version }),
  absent("POST")("the publication of an unknown release", `${R}/rel_00000000000000000000/publish`),
  ...["/", "/v1", "/v2/workspaces", "/v1/workspaces/", "/v1//workspaces", "/v1/Workspaces", `${G}/g/nodes`].map(
    (path) => refusal("GET", 404, "no-such-route")(`an unknown path: ${path}`, path),
  ),
  ...(
    [
      ["POST", "/v1/openapi.json", ["GET"]],
      ["POST", "/v1/intents/x", ["GET"]],
      ["POST", `${G}/g`, ["DELETE", "GET", "PATCH"]],
      ["POST", D, ["DELETE", "GET", "PATCH", "PUT"]],
      ["PUT", W, ["GET", "POST"]],
      ["PATCH", G, ["GET", "POST"]],
      ["DELETE", "<ws>/intents", ["GET"]],
      ["GET", `${V}/1.0.0/publish`, ["POST"]],
    ] as const
  ).map(([method, path, allow]) => refusal(method, 405, "method-not-allowed")(`${method} of ${path}`, path, { allow })),
];

export const REFUSALS: readonly Refusal[] = [...BODIES, ...FIELDS, ...DEPLOYMENTS, ...QUERIES, ...HEADERS, ...PATHS];
