import type { ProblemCode } from "./problems.ts";

/** What to do about each problem, for people. Apart from `problems.ts`, which is in every function. */
export const REMEDIES: Readonly<Record<ProblemCode, string>> = {
  "invalid-request":
    "`errors` tells for each fault the `pointer` into the body or the `parameter`, and the `rule` that it breaks. The rules are in `GET /v1/openapi.json`.",
  "malformed-json": "Send JSON in UTF-8. From a shell, single quotes keep the double quotes of JSON.",
  "invalid-recipe":
    "`errors` has every finding with a pointer into the recipe, a rule and a hint. `slipway version findings` shows the same of a draft.",
  "invalid-scope":
    "Ask for scopes that `GET …/credentials` lists for this one, with blanks between, or for none: then the token has them all.",
  "unsupported-grant-type":
    "The API's own tokens are for machines: `grant_type=client_credentials`. People log in at the issuer.",
  "last-owner": "Make another member an owner first: a workspace always has one.",
  "invalid-cursor":
    "A `cursor` is good for the very list, with the same filters, that gave it as `nextCursor` or `resume`, and of events for eight days. Begin without one.",
  "invalid-idempotency-key": "1 to 255 printable ASCII characters, without spaces; a UUID will do.",
  unauthorized:
    "The token is missing, has ended or is for another server: `slipway login`, or `npm run -s token` for the embedded cloud.",
  forbidden: "An owner of the workspace can give you another role, or a machine's credentials another scope.",
  "not-found":
    "There is no such thing, or it is in a workspace that you are no member of: the two are not told apart. Names are case-sensitive.",
  "no-such-route": "Compare method and path with `GET /v1/openapi.json`. A missing `/v1` is the usual cause.",
  "method-not-allowed": "The header `Allow` lists what the path takes.",
  "name-taken": "Take another name. Names of components are claimed once in the whole AWS account.",
  "not-ready": "Wait for the intent that made or last changed it; `detail` tells what state it is in.",
  "workspace-not-empty": "Delete its nodes, groups, components and releases first: each list is empty then.",
  "node-group-not-empty": "Take its nodes out first: `slipway node groups NODE --remove GROUP`.",
  "component-not-empty": "Delete its versions first.",
  "version-in-use":
    "`slipway version usage` lists the deployments, with `--of nodes` the nodes, and with `--of component-versions` the versions that depend on it. Let the former go to another version, publish another one that the latter take, or deprecate this one.",
  "path-clash": "A file and a folder cannot have one path, nor two files that differ in letter case alone.",
  "upload-incomplete":
    "`slipway upload get` lists the parts that are missing. Send them, and complete the upload again.",
  "version-immutable": "Make another version: a clone of this one has its recipe and its files.",
  "idempotency-in-progress": "Ask again in a moment with the same key.",
  ambiguous:
    "`detail` and the plan name both deployments. Give one a higher priority, let them agree, or name the component for the node itself.",
  "cannot-repair":
    "`detail` says why Slipway may not touch it: put it right in AWS, and the next sweep takes the drift off the list.",
  "cannot-adopt":
    "`detail` says why it cannot be said by one deployment or membership. Repair it, or edit the deployment yourself.",
  "limit-reached": "`detail` tells how many there can be. Delete one that is not needed.",
  conflict: "Read it again and decide anew. Clients may just try again.",
  "precondition-failed":
    "The ETag in `If-Match`, or the hash of the plan, is of an older state: read or plan again, look, and then send it.",
  "body-too-large": "Files go to the URLs that declarations answer with; bodies have at most what the contract says.",
  "package-too-large": "Ask for fewer apps at once, or fetch the binaries singly by the URLs of the metadata.",
  "range-not-satisfiable": "`Content-Range` tells the size. A download that is already whole needs no more.",
  "unsupported-media-type": "Send `content-type: application/json`.",
  "idempotency-key-reused":
    "Take a new key for a new wish; the old one stands for the request that was sent with it first.",
  "deployment-too-large":
    "AWS takes so much for a device at most. Deploy fewer components there, or shorten configuration.",
  unresolvable:
    "`detail` names the requirement and what there is. Publish a version that suits, refresh the deployment so that it sees one, or ask for another range.",
  "unmet-dependency": "Deploy or publish what is needed, or import it from AWS: `slipway component import`.",
  "artifact-missing": "Upload the file that `detail` names, and publish again.",
  "artifact-mismatch": "The bytes in S3 are not those that were declared. Upload them again, or declare what is there.",
  "artifact-clash": "Devices put all artifacts of a version into one folder: give them names that differ.",
  "archive-refused":
    "The archive has absolute or climbing paths, links, entries of one name, or unpacks to far more than it has. Make it anew.",
  "version-too-large": "Split the component, or pack many small files into an archive.",
  "import-invalid":
    "`errors` lists the lines, each with its column and rule. Nothing was made: mend the file and import it again.",
  "too-many-groups":
    "AWS takes a thing into ten groups, of which delivery needs one. Take the node out of another first.",
  "component-rejected": "`detail` has Greengrass's own words. The version can be edited and published again.",
  "precondition-required": "Send `If-Match` with the ETag that the last read gave.",
  throttled: "Ask again after `Retry-After`. Clients of this project do so by themselves.",
  "not-delivered":
    "AWS made no job for the device even from a fresh thing group. `slipway node get` tells its state; the same wish may be sent again.",
  "aws-refused":
    "`detail` has AWS's own words: mostly a quota or a permission of the stage. See [OPERATIONS.md](OPERATIONS.md).",
  aborted: "Someone stopped the workflow. Send the same wish again.",
  "import-incomplete": "Start it again: it goes on where it was and makes nothing twice.",
  "timed-out": "A step took longer than it may. Send the same wish again; it goes on with what is left.",
  lost: "The workflow could not be started, again and again. See the dead letter queues in [OPERATIONS.md](OPERATIONS.md).",
  internal: "This is a fault of ours. The logs have it under the request's id, or the intent's.",
  unavailable: "Ask again in a while. `detail` tells which service does not answer.",
  stopped: "The owner of the workspace, or who runs the stage, has stopped updates. Ask again after `Retry-After`.",
  preparing: "Ask again after `Retry-After`: an archive is made once, and then served to all.",
  busy: "Ask again in a moment.",
};
