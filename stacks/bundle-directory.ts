/** The folder of `npm run build`, below the project's. */
export const BUNDLES = "dist";

/** Of what is in a function's folder, what Lambda calls. */
export const ENTRY = "index.handler";

/**
 * The folder of a function's bundle, below the project's: what Lambda gets of it. By itself, since the infrastructure's
 * configuration is bundled with all that it imports, and could not be with esbuild.
 * @param name a key of `functions`
 */
export const bundleDirectory = (name: string): string => `${BUNDLES}/${name}`;
