/** Components as `jco` transpiles them: those in this package, and those of a program. */

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";

/**
 * An instance of the component, as the code that `jco` writes makes it.
 *
 * @typedef {{ journal: Record<string, (...parameters: unknown[]) => unknown>, release?: () => void }} Instance
 */
/** @typedef {Record<string, Record<string, unknown>>} Imports */
/**
 * The module that `jco transpile --instantiation sync` writes.
 *
 * @typedef {{
 *   instantiate(getCoreModule: (path: string) => WebAssembly.Module, imports: Imports): Instance,
 * }} Transpiled
 */
/** @typedef {"papyra-node" | "papyra-engine" | "papyra-wasi"} Name */

/** What `prepack.js` has put into the package. */
const PACKAGED = fileURLToPath(new URL("../components", import.meta.url));

/** The code of a component, compiled when it is needed first. */
export class Component {
  #transpiled;
  #read;
  /** @type {Map<string, WebAssembly.Module>} */
  #modules = new Map();

  /**
   * @param {Transpiled} transpiled
   * @param {(name: string) => Uint8Array} read returns a module
   */
  constructor(transpiled, read) {
    this.#transpiled = transpiled;
    this.#read = read;
  }

  /** @param {Imports} imports */
  instantiate(imports) {
    return this.#transpiled.instantiate((name) => this.#compiled(name), imports);
  }

  /** @param {string} name */
  #compiled(name) {
    const known = this.#modules.get(name);
    if (known) return known;
    const module = new WebAssembly.Module(/** @type {BufferSource} */ (this.#read(name)));
    this.#modules.set(name, module);
    return module;
  }
}

/**
 * Returns a component whose modules lie in a directory.
 *
 * @param {Transpiled} transpiled
 * @param {string} directory
 */
export function inDirectory(transpiled, directory) {
  return new Component(transpiled, (name) => readFileSync(join(directory, name)));
}

/**
 * Loads the component of a `.js` file that `jco` has written.
 *
 * @param {string} path
 */
export async function load(path) {
  const file = resolve(path);
  return inDirectory(await import(pathToFileURL(file).href), dirname(file));
}

/** Throws if this package was installed from its sources, which have no components in them. */
export function checkPackaged() {
  if (existsSync(join(PACKAGED, "papyra-node.cjs"))) return;
  throw new Error(
    `there is no engine in ${PACKAGED}: papyra-persistence was installed from its sources; install the package that ` +
      "`make dist` builds, or give `Engine.load` the path of a transpiled component",
  );
}

/**
 * Loads a component of this package. Its code is CommonJS, so that a program loads only the one that it uses, and
 * not before.
 *
 * @param {Name} name
 */
export function packaged(name) {
  const transpiled = createRequire(import.meta.url)(join(PACKAGED, `${name}.cjs`));
  return new Component(transpiled, (module) => gunzipSync(readFileSync(join(PACKAGED, `${module}.gz`))));
}
