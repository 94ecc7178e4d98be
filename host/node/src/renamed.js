/** Options under the names they had before contract 0.2. They keep working, with one warning each. */

/** @type {Set<string>} */
const warned = new Set();

/**
 * Returns the options with new names in place of old ones.
 *
 * @template {object} T
 * @param {T} options
 * @param {Record<string, string>} names new names by their old ones
 * @returns {T}
 */
export function renamed(options, names) {
  const given = /** @type {Record<string, unknown>} */ ({ ...options });
  for (const [old, name] of Object.entries(names)) {
    if (given[old] === undefined) continue;
    warn(old, name);
    if (given[name] !== undefined && given[name] !== given[old]) {
      throw new TypeError(`${name} and ${old}, its old name, have different values; give ${name} alone`);
    }
    given[name] = given[old];
    delete given[old];
  }
  return /** @type {T} */ (given);
}

/**
 * Lets a store of the program read a value under its old name as well.
 *
 * @template {object} T
 * @param {T} options
 * @param {string} old
 * @param {keyof T & string} name
 * @returns {T}
 */
export function readableAs(options, old, name) {
  const get = () => {
    warn(old, name);
    return options[name];
  };
  return Object.defineProperty({ ...options }, old, { get });
}

/**
 * @param {string} old
 * @param {string} name
 */
function warn(old, name) {
  if (warned.has(old)) return;
  warned.add(old);
  process.emitWarning(`papyra-persistence: ${old} is now called ${name}; use that name`, "DeprecationWarning");
}
