/**
 * The imports of `papyra-wasi.wasm`: the directory of one journal, and nothing else. Only this module needs
 * the package `@bytecodealliance/preview2-shim`.
 */

import { basename, dirname, relative, resolve } from "node:path";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";
import { renamed } from "./renamed.js";

/**
 * Returns a function that makes the imports for `Journal.openWasi`, anew for each instance.
 *
 * @param {string} path of the journal
 * @param {{ quarantineDir?: string }} [options] `quarantineDir`: directory for removed entries that are to be
 *   kept; the directory of the journal or one below it
 * @returns {() => Record<string, Record<string, unknown>>}
 */
export function preopened(path, options = {}) {
  const { quarantineDir } = renamed(options, { evidenceDir: "quarantineDir" });
  const file = resolve(path);
  const quarantine = quarantineDir && relative(dirname(file), resolve(quarantineDir));
  const sandbox = {
    preopens: { ".": dirname(file) },
    env: { PAPYRA_PATH: basename(file), ...(quarantine && { PAPYRA_QUARANTINE_DIR: quarantine }) },
    args: ["papyra"],
    enableNetwork: false,
  };
  return () => /** @type {any} */ (new WASIShim({ sandbox })).getImportObject();
}
