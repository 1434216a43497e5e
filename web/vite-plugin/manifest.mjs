// What a build made, for Python: manifest.json beside the assets.
// Owns: which files each client module needs, its exports and the pages' facts. Refuses to know: how they are served.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AI_SDK_RSC, findClientModules, RUNTIME, STREAMED } from './modules.mjs';
import { readState } from './state.mjs';
import { slashed } from './tools.mjs';

const AI_SDK_RSC_FILE = '/@ai-sdk/rsc/dist/rsc-shared.js';

/** @param {{app: string}} options @returns {import('vite').Plugin} */
export function buildManifest({ app }) {
  return {
    name: 'flightwire:manifest',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const chunks = Object.values(bundle).filter(item => item.type === 'chunk');
        const entry = chunks.find(chunk => chunk.isEntry);
        if (!entry) return;
        const files = new Map(chunks.flatMap(chunk => chunk.moduleIds.map(id => [slashed(id), chunk])));
        const describe = (/** @type {string} */ id, /** @type {string | undefined} */ path) => {
          const chunk = path && files.get(path);
          const exports = path && this.getModuleInfo(path)?.exports;
          // Flight hands the pair (id, file) to the chunk loader, which goes by the id alone.
          return chunk ? [[id, { exports, chunks: [id, id], ...filesOf(chunk, bundle) }]] : [];
        };
        const ending = (/** @type {string} */ name) => [...files.keys()].find(path => path.endsWith(name));
        const modules = Object.fromEntries([
          ...findClientModules(app).flatMap(id => describe(id, slashed(join(app, id)))),
          ...describe(AI_SDK_RSC, ending(AI_SDK_RSC_FILE)),
          ...describe(RUNTIME, slashed(fileURLToPath(new URL('../client/tree.ts', import.meta.url)))),
          ...describe(STREAMED, slashed(fileURLToPath(new URL('../client/streamed.ts', import.meta.url)))),
        ]);
        const { pages } = /** @type {{pages: object}} */ (readState(app, 'pages.json') ?? { pages: {} });
        const manifest = {
          version: 1,
          entry: { file: entry.fileName, ...filesOf(entry, bundle) },
          modules,
          pages,
        };
        this.emitFile({
          type: 'asset',
          fileName: 'manifest.json',
          source: `${JSON.stringify(manifest, null, 2)}\n`,
        });
      },
    },
  };
}

/**
 * The scripts and style sheets of a chunk and of everything it imports statically.
 *
 * @param {any} chunk @param {Record<string, any>} bundle
 */
function filesOf(chunk, bundle) {
  const js = new Set();
  const css = new Set();
  const visit = (/** @type {any} */ each) => {
    if (each?.type !== 'chunk' || js.has(each.fileName)) return;
    js.add(each.fileName);
    for (const name of each.imports) visit(bundle[name]);
    for (const name of each.viteMetadata?.importedCss ?? []) css.add(name);
  };
  visit(chunk);
  return { js: [...js], css: [...css] };
}
