/** Between this package's values and those of the component: kinds as in records, and plain numbers. */

/**
 * Kinds as the contract spells them. Everything else stays.
 *
 * @template {{ kind?: string }} T
 * @param {T} value
 * @returns {T}
 */
export function toContract(value) {
  return value.kind === undefined ? value : { ...value, kind: value.kind.replace("_", "-") };
}

/**
 * What the component returns: numbers for its 64-bit integers, and kinds as in records.
 *
 * @param {unknown} value
 * @returns {any}
 */
export function fromContract(value) {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(fromContract);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) => {
    const plain = fromContract(inner);
    return [name, name === "kind" && typeof plain === "string" ? plain.replace("-", "_") : plain];
  });
  return Object.fromEntries(fields);
}

/**
 * A count or size for the component. What is no whole number is refused here, with a better message
 * than a `RangeError` of `BigInt`.
 *
 * @param {string} name
 * @param {number | undefined} value
 */
export function whole(name, value) {
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`${name} must be a whole number that is not negative, not ${value}`);
  }
  return BigInt(value);
}
