// `export const maxDuration = 30` in a page.
// Owns: reading the literal and telling Python in APP/.flightwire/pages.json. Refuses to know: what the limit does.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { maxDurationNotLiteral } from './letters.mjs';
import { findClientModules, isPage, PAGE } from './modules.mjs';
import { writeState } from './state.mjs';
import { slashed } from './tools.mjs';

/** @typedef {{maxDuration?: number}} PageFacts */

/** @param {{app: string}} options @returns {import('vite').Plugin} */
export function pageFacts({ app }) {
  /** @type {Record<string, PageFacts>} */
  let pages = {};
  /** @type {() => void} */
  let scan = () => {};
  const write = () => writeState(app, 'pages.json', { version: 1, pages });
  return {
    name: 'flightwire:pages',
    enforce: 'pre',
    buildStart() {
      scan = () => {
        pages = readPages(app, this.parse.bind(this), message => this.warn(message));
        write();
      };
      scan();
    },
    transform: {
      order: 'pre',
      filter: { id: PAGE },
      handler(code, id) {
        // What the browser is about to run is what the server goes by.
        const page = slashed(relative(app, id));
        if (!Object.hasOwn(pages, page)) return;
        pages[page] = readPage(page, code, this.parse.bind(this), message => this.warn(message));
        write();
      },
    },
    configureServer(server) {
      const listed = (/** @type {string} */ file) => {
        if (PAGE.test(slashed(file))) scan();
      };
      server.watcher.on('add', listed).on('unlink', listed);
    },
  };
}

/** @param {string} app @param {Function} parse @param {(message: string) => void} warn */
function readPages(app, parse, warn) {
  /** @type {Record<string, PageFacts>} */
  const pages = {};
  for (const id of findClientModules(app).filter(isPage)) {
    pages[id] = readPage(id, readText(join(app, id)), parse, warn);
  }
  return pages;
}

/** @param {string} id @param {string} code @param {Function} parse @param {(message: string) => void} warn @returns {PageFacts} */
function readPage(id, code, parse, warn) {
  if (!code.includes('maxDuration')) return {};
  try {
    const value = exportedConstant(parse(code, { lang: 'tsx' }), 'maxDuration');
    if (value === undefined) return {};
    if (value.type === 'Literal' && typeof value.value === 'number') return { maxDuration: value.value };
    warn(maxDurationNotLiteral(id));
  } catch {
    // a syntax error: the compiler reports it when the page is asked for
  }
  return {};
}

/** @param {any} program @param {string} name */
function exportedConstant(program, name) {
  for (const node of program.body) {
    if (node.type !== 'ExportNamedDeclaration' || node.declaration?.type !== 'VariableDeclaration') continue;
    for (const { id, init } of node.declaration.declarations) if (id.name === name) return init;
  }
  return undefined;
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // removed since it was listed
  }
}
