/**
 * A cache behaviour of the OTA distribution; a request gets the first whose pattern matches, and a 404 if none does.
 * TTLs are in seconds.
 */
export interface BehaviourDeclaration {
  /** A CloudFront path pattern. */
  readonly pathPattern: string;
  /** `packages` is the package function behind its URL, `binaries` the OTA bucket. */
  readonly origin: "packages" | "binaries";
  /** Whether `shared/ota/edge.ts` runs before and after the cache. */
  readonly edge: boolean;
  /** What distinguishes objects besides the path, and is all that the origin sees of a request. */
  readonly cacheKey: { readonly queryStrings: "all" | "none"; readonly headers: readonly string[] };
  readonly minTtl: number;
  readonly defaultTtl: number;
  readonly maxTtl: number;
  readonly methods: readonly ("GET" | "HEAD" | "OPTIONS")[];
}

/**
 * What the OTA distribution serves: packages from the function, binaries from the bucket. Public endpoints of the API get
 * an origin and behaviours of their own here, which puts the web ACL before them: HTTP APIs take none.
 */
export const behaviours: readonly BehaviourDeclaration[] = [
  ...["/package", "/*/package"].map(
    (pathPattern): BehaviourDeclaration => ({
      pathPattern,
      origin: "packages",
      edge: true,
      cacheKey: { queryStrings: "all", headers: ["x-ota-have", "x-ota-host"] },
      minTtl: 0,
      defaultTtl: 100,
      maxTtl: 100,
      methods: ["GET", "HEAD", "OPTIONS"],
    }),
  ),
  {
    pathPattern: "/*/releases/*",
    origin: "binaries",
    edge: false,
    cacheKey: { queryStrings: "none", headers: [] },
    minTtl: 0,
    defaultTtl: 86_400,
    maxTtl: 31_536_000,
    methods: ["GET", "HEAD", "OPTIONS"],
  },
];

/** The keys of the OTA bucket that anyone may read, as a pattern: `binaryKey` of `shared/ota/release.ts`. */
export const publicKeys = "*/releases/*";
