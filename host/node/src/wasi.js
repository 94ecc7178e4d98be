/**
 * What `papyra-wasi.wasm` needs: the directory of one journal, and nothing else. This alone needs the package
 * `@bytecodealliance/preview2-shim`.
 */

import { basename, dirname, relative, resolve } from "node:path";
import { WASIShim } from "@bytecodealliance/preview2-shim/instantiation";

/**
 * Imports for `Journal.openWasi`, made for each instance anew.
 *
 * @param {string} path of the journal
 * @param {{ quarantineDir?: string }} [options] `quarantineDir`: where a rewrite puts what it is asked to keep, in
 *   the directory of the journal or below it
 * @returns {() => Record<string, Record<string, unknown>>}
 */
export function preopened(path, { quarantineDir } = {}) {
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
