/**
 * Completes the package, when `npm pack` or `npm publish` runs it: transpiles the components in the directory
 * PAPYRA_COMPONENTS, by default where `make dist` leaves them, and writes the types for CommonJS.
 */

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const FROM = resolve(process.env.PAPYRA_COMPONENTS ?? "../../dist");
const INTO = resolve("components");
const NAMES = ["papyra-node", "papyra-engine", "papyra-wasi"];
const LICENCE = "/*! Apache-2.0, made by jco from a component of papyra-persistence */";

fs.rmSync(INTO, { recursive: true, force: true });
fs.mkdirSync(INTO);
const directory = fs.mkdtempSync(join(tmpdir(), "papyra-prepack-"));
try {
  for (const name of NAMES) await transpile(name);
} finally {
  fs.rmSync(directory, { recursive: true });
}
declareForCommonJs("types", "types");
declareForCommonJs("public", "index"); // where TypeScript looks beside `index.cjs`

/**
 * The code that jco writes is large, most of it for what the engine does not use; and of the modules, Node compiles
 * none before it is needed. So the code is reduced and the modules are compressed.
 *
 * @param {string} name
 */
async function transpile(name) {
  const out = join(directory, name);
  const component = join(FROM, `${name}.wasm`);
  if (!fs.existsSync(component)) throw new Error(`${component} is missing: type \`make dist\` in the repository`);
  const options = ["--instantiation", "sync", "--no-typescript", "--quiet", "-o", out];
  execFileSync("jco", ["transpile", component, ...options], { stdio: "inherit" });
  const checks = { moduleLevelDirective: false };
  const bundle = await rolldown({ input: join(out, `${name}.js`), platform: "node", checks });
  await bundle.write({ file: join(INTO, `${name}.cjs`), format: "cjs", minify: true, banner: LICENCE });
  for (const module of fs.readdirSync(out).filter((file) => file.endsWith(".wasm"))) {
    fs.writeFileSync(join(INTO, `${module}.gz`), gzipSync(fs.readFileSync(join(out, module)), { level: 9 }));
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function declareForCommonJs(from, to) {
  const text = fs.readFileSync(`src/${from}.d.ts`, "utf8");
  fs.writeFileSync(`src/${to}.d.cts`, text.replaceAll('"./types.js"', '"./types.cjs"'));
}
