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
 * @param {{ evidenceDir?: string }} [options] `evidenceDir`: where a rewrite puts what it is asked to keep, in
 *   the directory of the journal or below it
 * @returns {() => Record<string, Record<string, unknown>>}
 */
export function preopened(path, { evidenceDir } = {}) {
  const file = resolve(path);
  const evidence = evidenceDir && relative(dirname(file), resolve(evidenceDir));
  const sandbox = {
    preopens: { ".": dirname(file) },
    env: { PAPYRA_PATH: basename(file), ...(evidence && { PAPYRA_EVIDENCE_DIR: evidence }) },
    args: ["papyra"],
    enableNetwork: false,
  };
  return () => /** @type {any} */ (new WASIShim({ sandbox })).getImportObject();
}
