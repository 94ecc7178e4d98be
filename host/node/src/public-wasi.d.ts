/** The types of `papyra-persistence/wasi`. */

import type { Imports } from "./public.js";

/**
 * Returns a function that makes the imports for `Journal.openWasi`, anew for each instance. `quarantineDir` is
 * the directory for removed entries that are to be kept: that of the journal or one below it.
 */
export declare function preopened(path: string, options?: { quarantineDir?: string }): () => Imports;
