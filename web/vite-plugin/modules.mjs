// The client modules of an app: pages, what stands around them, and 'use client' files, by their app-relative path.
// Owns: finding them, and the virtual module that maps each id to its import. Refuses to know: what React does with them.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { slashed } from './tools.mjs';

const VIRTUAL = 'virtual:flightwire/modules';
const RESOLVED = `\0${VIRTUAL}`;
export const SCRIPT = /\.[jt]sx?$/;
/** A page's file, in any folder. */
export const PAGE = /(^|\/)page\.[jt]sx?$/;
/** Files that the page's tree names by convention, as pages are; server/routes.py has the same list. */
export const CONVENTION = /(^|\/)(page|error|loading|not-found)\.[jt]sx?$/;
const SKIPPED = new Set(['node_modules', '__pycache__', 'dist', 'build', 'venv', 'site-packages', 'public']);
// A directive stands before any statement; comments, blank lines and other directives may precede it.
const USE_CLIENT = /^(?:\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/|(['"])use (?!client)[\w ]+\1;?)*(['"])use client\2/;

/** @param {string} id */
export const isPage = id => PAGE.test(id);

/** The id of our own components (client/tree.ts). */
export const RUNTIME = '@flightwire/client/tree';

/** The id of the component that shows streamed UI (client/streamed.ts). */
export const STREAMED = '@flightwire/client/streamed';

/** The id under which @ai-sdk/rsc's own client components are known. */
export const AI_SDK_RSC = '@ai-sdk/rsc';

/**
 * App-relative paths of pages, error, loading and not-found files, and 'use client' files, sorted.
 *
 * @param {string} app
 * @returns {string[]}
 */
export function findClientModules(app) {
  return [...scripts(app)]
    .map(path => slashed(relative(app, path)))
    .filter(id => CONVENTION.test(id) || isClientFile(join(app, id)))
    .sort();
}

/** @param {string} folder @returns {Generator<string>} */
function* scripts(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* scripts(path);
    else if (SCRIPT.test(entry.name)) yield path;
  }
}

/** @param {string} path */
function isClientFile(path) {
  try {
    return USE_CLIENT.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * @param {{app: string, list?: (app: string) => string[], rsc?: 'late' | 'early' | 'absent'}} options the app folder; which
 *   modules it has; whether @ai-sdk/rsc is loaded when it is asked for, is part of the page already, or is not there.
 * @returns {import('vite').Plugin}
 */
export function clientModules({ app, list = findClientModules, rsc = 'late' }) {
  /** @type {string[]} */
  let ids = [];
  return {
    name: 'flightwire:modules',
    buildStart() {
      ids = list(app);
    },
    resolveId: { order: 'pre', handler: source => (source === VIRTUAL ? RESOLVED : undefined) },
    load: {
      filter: { id: new RegExp(`^${RESOLVED}$`) },
      handler: () => ({ code: registryCode(app, ids, rsc), map: null }),
    },
    configureServer(server) {
      const { client } = server.environments;
      const rescan = async (/** @type {string} */ file) => {
        if (!SCRIPT.test(file)) return;
        const before = ids.join();
        ids = list(app);
        const registry = client.moduleGraph.getModuleById(RESOLVED);
        if (registry && before !== ids.join()) await client.reloadModule(registry);
      };
      server.watcher.on('add', rescan).on('unlink', rescan).on('change', rescan);
    },
  };
}

/** @param {string} app @param {string[]} ids @param {string} rsc */
function registryCode(app, ids, rsc) {
  const lines = ids.map(
    id => `  ${JSON.stringify(id)}: () => import(${JSON.stringify(slashed(join(app, id)))}),`,
  );
  const file = JSON.stringify('@ai-sdk/rsc/dist/rsc-shared.js');
  if (rsc === 'late') lines.push(`  ${JSON.stringify(AI_SDK_RSC)}: () => import(${file}),`);
  if (rsc === 'early') lines.push(`  ${JSON.stringify(AI_SDK_RSC)}: () => Promise.resolve(rsc),`);
  const imports = rsc === 'early' ? `import * as rsc from ${file};\n` : '';
  return `${imports}export const modules = {\n${lines.join('\n')}\n};\n`;
}
