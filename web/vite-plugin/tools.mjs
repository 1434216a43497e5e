// The tool folder: package.json and node_modules that a page without its own resolves from.
// Owns: importing from it, and which of its packages exist once. Refuses to know: how it was installed.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const [BESIDE, INSIDE] = ['../client', './client'].map(place =>
  fileURLToPath(new URL(place, import.meta.url)),
);
/** The browser's half: inside this folder when both are one npm package, beside it otherwise. */
export const CLIENT = slashed(String(existsSync(String(INSIDE)) ? INSIDE : BESIDE));

/** Packages of which a second copy breaks the page: hooks and contexts belong to one instance. */
export const SINGLETONS = ['react', 'react-dom', 'react-server-dom-webpack', '@ai-sdk/rsc'];

/** @param {string} tools */
export const toolsImporter = tools => join(tools, 'package.json');

/** @param {string} tools @param {string} name */
export async function importTool(tools, name) {
  const path = createRequire(toolsImporter(tools)).resolve(name);
  return await import(pathToFileURL(path).href);
}

/**
 * Aliases that pin the singletons to the tool folder, also inside pre-bundled packages.
 *
 * `@ai-sdk/rsc` maps to files, because `exports` of the package forbids the deep one that has `InternalAIProvider`.
 *
 * @param {string} tools
 */
export function singletonAliases(tools) {
  const modules = slashed(join(tools, 'node_modules'));
  const rsc = `${modules}/@ai-sdk/rsc/dist`;
  return [
    { find: /^@ai-sdk\/rsc$/, replacement: `${rsc}/rsc-client.js` },
    { find: /^@ai-sdk\/rsc\/dist\/rsc-shared\.js$/, replacement: `${rsc}/rsc-shared.js` },
    {
      find: /^(react|react-dom|react-server-dom-webpack)(\/.*)?$/,
      replacement: `${modules}/$1$2`,
    },
  ];
}

/** @param {string} path */
export function slashed(path) {
  return path.replaceAll('\\', '/');
}
