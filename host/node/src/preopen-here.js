/** For `jco run --jco-import`: grants the program the current directory, and nothing else. */

import process from "node:process";
import { _setPreopens } from "@bytecodealliance/preview2-shim/filesystem";

// The shim's types are those of browsers.
_setPreopens(/** @type {any} */ ({ ".": process.cwd() }));
