// `import { continueConversation } from './actions'`, where actions is a Python file.
// Owns: the stub module of such a file, made from APP/.flightwire/actions.json, and its hot update when the exports
// change. Refuses to know: Python, and how a call travels (@flightwire/client).
import { existsSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { ambiguousActions, letter, missingAction, unreadApp } from './letters.mjs';
import { readState, stateFolder } from './state.mjs';
import { slashed } from './tools.mjs';

const STUB = '\0flightwire:actions:';
const SCRIPT_ENDINGS = ['.ts', '.tsx', '.mts', '.js', '.jsx', '.mjs', '.json'];
const MANIFEST = 'actions.json';

/** @typedef {{exports: Record<string, string>, types: string[]}} ActionModule */

/**
 * @param {{app: string, before?: string}} options the app folder, and a module that stubs load first.
 * @returns {import('vite').Plugin}
 */
export function actionStubs({ app, before }) {
  let modules = readModules(app) ?? {};
  /** Names that pages import from each Python file, so that one missing name does not break the whole page. */
  const wanted = /** @type {Map<string, Set<string>>} */ (new Map());
  let isBuild = false;
  return {
    name: 'flightwire:actions',
    enforce: 'pre',
    configResolved(config) {
      isBuild = config.command === 'build';
    },
    buildStart() {
      modules = readModules(app) ?? {};
    },
    resolveId: {
      order: 'pre',
      handler(source, importer) {
        if (source.startsWith(STUB)) return source;
        const file = pythonFile(source, importer);
        if (!file) return undefined;
        const name = slashed(relative(app, file));
        const script = scriptBeside(source, file);
        if (script && !modules[name]) return undefined;
        if (script) this.error(letter(ambiguousActions(source, shown(app, importer), script)));
        return STUB + name;
      },
    },
    transform: {
      filter: { id: /\.[cm]?[jt]sx?$/ },
      handler(code, id) {
        if (id.includes('/node_modules/') || !code.includes('import')) return;
        for (const { source, names } of namedImports(this, code, id)) {
          const file = pythonFile(source, id);
          if (!file) continue;
          const name = slashed(relative(app, file));
          const all = wanted.get(name) ?? new Set();
          const size = all.size;
          for (const each of names) all.add(each);
          wanted.set(name, all);
          const graph = this.environment.mode === 'dev' ? this.environment.moduleGraph : undefined;
          const stub = size === all.size ? undefined : graph?.getModuleById(STUB + name);
          if (stub) graph?.invalidateModule(stub, new Set(), Date.now(), true);
        }
      },
    },
    load: {
      filter: { id: new RegExp(`^${STUB}`) },
      handler(id) {
        const name = id.slice(STUB.length);
        const module = modules[name] ?? { exports: {}, types: [] };
        const missing = [...(wanted.get(name) ?? [])].filter(each => !has(module, each));
        if (missing[0] && !readModules(app)) {
          if (isBuild) this.error(letter(unreadApp(app)));
          this.warn(unreadApp(app));
        }
        if (isBuild && missing[0])
          this.error(letter(missingAction(missing[0], name, Object.keys(module.exports))));
        return { code: stubCode(name, module, missing, before), moduleSideEffects: false, map: null };
      },
    },
    configureServer(server) {
      const path = join(stateFolder(app), MANIFEST);
      const changed = async (/** @type {string} */ file) => {
        if (resolve(file) !== path) return;
        const before = modules;
        modules = readModules(app) ?? before;
        const { client } = server.environments;
        for (const name of new Set([...Object.keys(before), ...Object.keys(modules)])) {
          if (JSON.stringify(before[name]) === JSON.stringify(modules[name])) continue;
          const stub = client.moduleGraph.getModuleById(STUB + name);
          if (stub) await client.reloadModule(stub);
        }
      };
      server.watcher.on('add', changed).on('change', changed);
    },
  };
}

/** @param {string} app @returns {Record<string, ActionModule> | undefined} undefined: it is not there, or half written. */
function readModules(app) {
  const state = /** @type {{version?: number, modules?: Record<string, ActionModule>} | undefined} */ (
    readState(app, MANIFEST)
  );
  return state?.version === 1 ? state.modules : undefined;
}

/** @param {ActionModule} module @param {string} name */
const has = (module, name) => Object.hasOwn(module.exports, name) || module.types.includes(name);

/**
 * The Python file that an import means, if there is one.
 *
 * @param {string} source @param {string | undefined} importer
 */
function pythonFile(source, importer) {
  const [path] = source.split('?');
  if (!path || path.includes('\0')) return undefined;
  const from = importer?.split('?')[0];
  if (!path.startsWith('.') && !isAbsolute(path)) return undefined;
  if (path.startsWith('.') && !from) return undefined;
  const base = isAbsolute(path) ? path : join(dirname(from ?? ''), path);
  return [base, `${base}.py`].find(file => file.endsWith('.py') && isFile(file));
}

/** @param {string} source @param {string} file the Python file. */
function scriptBeside(source, file) {
  if (source.endsWith('.py')) return undefined;
  const base = file.slice(0, -'.py'.length);
  const ending = SCRIPT_ENDINGS.find(each => existsSync(base + each));
  return (
    ending &&
    slashed(base + ending)
      .split('/')
      .at(-1)
  );
}

/** @param {string} file */
const isFile = file => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;

/** @param {string} app @param {string | undefined} file */
const shown = (app, file) => slashed(relative(app, file?.split('?')[0] ?? ''));

/** @param {{parse: Function}} context @param {string} code @param {string} id */
function namedImports(context, code, id) {
  let program;
  try {
    program = context.parse(code, { lang: language(id) });
  } catch {
    return []; // a syntax error: the compiler reports it better
  }
  return program.body
    .filter((/** @type {any} */ node) => /^(Import|ExportNamed)Declaration$/.test(node.type) && node.source)
    .map((/** @type {any} */ node) => ({
      source: node.source.value,
      names:
        node.importKind === 'type' || node.exportKind === 'type' ? [] : node.specifiers.flatMap(importedName),
    }));
}

/** @param {any} specifier */
function importedName(specifier) {
  if (specifier.type === 'ImportDefaultSpecifier') return ['default'];
  const node = specifier.type === 'ExportSpecifier' ? specifier.local : specifier.imported;
  if (!node || specifier.importKind === 'type' || specifier.exportKind === 'type') return [];
  return [node.name ?? node.value];
}

/** @param {string} id */
const language = id => (id.endsWith('x') ? 'tsx' : /\.[cm]?ts$/.test(id) ? 'ts' : 'jsx');

/** @param {string} file @param {ActionModule} module @param {string[]} missing @param {string} [before] */
function stubCode(file, module, missing, before) {
  /** @type {[string, string][]} */
  const values = [
    ...Object.entries(module.exports).map(
      ([name, id]) => /** @type {[string, string]} */ ([name, reference(id, name)]),
    ),
    ...module.types
      .filter(name => !Object.hasOwn(module.exports, name))
      .map(name => /** @type {[string, string]} */ ([name, 'undefined'])),
    ...missing.map(
      name => /** @type {[string, string]} */ ([name, absent(name, file, Object.keys(module.exports))]),
    ),
  ];
  return [
    ...(before ? [`import ${JSON.stringify(before)};`] : []),
    `import { serverReference, missingAction } from '@flightwire/client/references';`,
    ...values.map(([, value], index) => `const export${index} = ${value};`),
    `export { ${values.map(([name], index) => `export${index} as ${exportName(name)}`).join(', ')} };`,
  ].join('\n');
}

/** @param {string} id @param {string} name */
const reference = (id, name) =>
  `/* @__PURE__ */ serverReference(${JSON.stringify(id)}, ${JSON.stringify(name)})`;

/** @param {string} name @param {string} file @param {string[]} known */
const absent = (name, file, known) =>
  `/* @__PURE__ */ missingAction(${JSON.stringify(missingAction(name, file, known))})`;

/** @param {string} name */
const exportName = name => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));
