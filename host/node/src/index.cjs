/** The entry for `require`. There is one implementation, so that both ways to load it share its classes. */

"use strict";

module.exports = load();

function load() {
  try {
    return require("./index.js");
  } catch (/** @type {any} */ error) {
    if (error.code !== "ERR_REQUIRE_ESM") throw error;
    const advice = 'use a newer Node, or `await import("papyra-persistence")`';
    throw new Error(`Node ${process.version} cannot require papyra-persistence, 20.19 and 22.12 can; ${advice}`, {
      cause: error,
    });
  }
}
