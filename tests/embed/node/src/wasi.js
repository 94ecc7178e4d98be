/**
 * What `papyra-wasi.wasm` needs: the directory of one journal, and nothing else. This alone needs the package
 * `@bytecodealliance/preview2-shim`.
 */

import { basename, dirname, resolve } from "node:path";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";

/**
 * Imports for `Journal.openWasi`, made for each instance anew.
 *
 * @param {string} path of the journal
 * @returns {() => Record<string, Record<string, unknown>>}
 */
export function preopened(path) {
  const file = resolve(path);
  const sandbox = {
    preopens: { ".": dirname(file) },
    env: { PAPYRA_PATH: basename(file) },
    args: ["papyra"],
    enableNetwork: false,
  };
  return () => /** @type {any} */ (new WASIShim({ sandbox })).getImportObject();
}
