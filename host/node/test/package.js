/**
 * The types and the exports of the package in the file PAPYRA_TARBALL, which `pack.sh` has made:
 * `node --test test/package.js`, with TypeScript installed beside it.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const HOME = fileURLToPath(new URL("..", import.meta.url));
const TSC = join(HOME, "node_modules/typescript/bin/tsc");
const NAME = "node_modules/papyra-persistence";

function run(cwd, command, ...given) {
  const { status, stdout, stderr, error } = spawnSync(command, given, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${command} ${given.join(" ")}: ${error ?? ""}${stdout}${stderr}`);
  return stdout;
}

/** Returns a directory in which the packed package, and nothing else, is installed. */
function installed(t) {
  const directory = fs.mkdtempSync(join(tmpdir(), "papyra-package-"));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  fs.mkdirSync(join(directory, NAME), { recursive: true });
  run(directory, "tar", "-xzf", process.env.PAPYRA_TARBALL, "--strip-components=1", "-C", NAME);
  fs.writeFileSync(join(directory, "package.json"), '{"type": "module"}');
  return directory;
}

test("a program in strict TypeScript finds the types of everything it uses", (t) => {
  const directory = installed(t);
  fs.copyFileSync(join(HOME, "test/consumer.ts"), join(directory, "consumer.ts"));
  // Neither the types of Node nor those of a browser are there.
  const common = { strict: true, skipLibCheck: false, noEmit: true, target: "es2022", lib: ["es2022"], types: [] };
  for (const how of [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }]) {
    const config = { compilerOptions: { ...common, ...how }, files: ["consumer.ts"] };
    fs.writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
    run(directory, process.execPath, TSC, "-p", ".");
  }
});

test("a program in CommonJS finds the types too", (t) => {
  const directory = installed(t);
  fs.copyFileSync(join(HOME, "test/consumer.cts"), join(directory, "consumer.cts"));
  const common = { strict: true, skipLibCheck: false, noEmit: true, target: "es2022", lib: ["es2022"], types: [] };
  // `node20` and `nodenext` let a program require what is no CommonJS; `node16` needs types that are.
  for (const module of ["node16", "nodenext"]) {
    const config = { compilerOptions: { ...common, module }, files: ["consumer.cts"] };
    fs.writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
    run(directory, process.execPath, TSC, "-p", ".");
  }
});

test("a program finds the code of everything that is exported", (t) => {
  const directory = installed(t);
  const { exports, main, types } = JSON.parse(fs.readFileSync(join(directory, NAME, "package.json"), "utf8"));
  const named = Object.values(exports).flatMap((conditions) => Object.values(conditions));
  for (const file of [...named, main, types]) assert.ok(fs.existsSync(join(directory, NAME, file)), file);
  const program = `
    import { MemoryStore, StoreError } from "papyra-persistence";
    new MemoryStore({ maxBytes: 9 }).append("line\\n");
    console.log(new StoreError("full", "", "none").written);`;
  fs.writeFileSync(join(directory, "program.js"), program);
  assert.equal(run(directory, process.execPath, "program.js"), "none\n");
});
