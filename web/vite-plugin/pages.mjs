// What pages say to the server: `export const maxDuration = 30`, `export const metadata = { title: … }`; and what client modules export.
// Owns: reading these and telling Python in APP/.flightwire/pages.json. Refuses to know: what they are for.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { generatedMetadata, maxDurationNotLiteral, metadataNotLiteral, scriptLayout } from './letters.mjs';
import { literalOf, NOT_LITERAL } from './literals.mjs';
import { findClientModules, isPage, PAGE, SCRIPT } from './modules.mjs';
import { writeState } from './state.mjs';
import { slashed } from './tools.mjs';

/** @typedef {{maxDuration?: number, metadata?: Record<string, unknown>}} PageFacts */

/** @param {{app: string}} options @returns {import('vite').Plugin} */
export function pageFacts({ app }) {
  /** @type {Record<string, PageFacts>} */
  let pages = {};
  /** @type {Record<string, string[]>} */
  let modules = {};
  /** @type {() => void} */
  let scan = () => {};
  const write = () => writeState(app, 'pages.json', { version: 1, pages, modules });
  return {
    name: 'flightwire:pages',
    enforce: 'pre',
    buildStart() {
      scan = () => {
        const parse = this.parse.bind(this);
        pages = readPages(app, parse, message => this.warn(message));
        modules = Object.fromEntries(
          findClientModules(app).flatMap(id => exportsOf(readText(join(app, id)), id, parse)),
        );
        write();
      };
      scan();
      for (const layout of scriptLayouts(app)) this.warn(scriptLayout(layout));
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
        if (SCRIPT.test(file)) scan();
      };
      server.watcher.on('add', listed).on('unlink', listed).on('change', listed);
    },
  };
}

/** Layouts of Next.js on the way to a page. @param {string} app */
function scriptLayouts(app) {
  const folders = findClientModules(app)
    .filter(isPage)
    .flatMap(page => page.split('/').map((_, depth, names) => names.slice(0, depth).join('/')));
  return [...new Set(folders)].flatMap(folder =>
    ['tsx', 'jsx', 'ts', 'js']
      .map(ending => (folder ? `${folder}/layout.${ending}` : `layout.${ending}`))
      .filter(file => existsSync(join(app, file))),
  );
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
  if (!/maxDuration|[mM]etadata/.test(code)) return {};
  let program;
  try {
    program = parse(code, { lang: 'tsx' });
  } catch {
    return {}; // a syntax error: the compiler reports it when the page is asked for
  }
  /** @type {PageFacts} */
  const facts = {};
  const duration = exportedConstant(program, 'maxDuration');
  if (duration?.type === 'Literal' && typeof duration.value === 'number') facts.maxDuration = duration.value;
  else if (duration !== undefined) warn(maxDurationNotLiteral(id));
  const metadata = exportedConstant(program, 'metadata');
  const value = literalOf(metadata, 'metadata', what => warn(metadataNotLiteral(id, what)));
  if (metadata !== undefined && value !== NOT_LITERAL) facts.metadata = value;
  if (exportsName(program, 'generateMetadata')) warn(generatedMetadata(id));
  return facts;
}

/** @param {any} program @param {string} name */
function exportedConstant(program, name) {
  for (const node of program.body) {
    if (node.type !== 'ExportNamedDeclaration' || node.declaration?.type !== 'VariableDeclaration') continue;
    for (const { id, init } of node.declaration.declarations) if (id.name === name) return init;
  }
  return undefined;
}

/**
 * What a module exports, as one entry; none while it cannot be read.
 *
 * @param {string} code @param {string} id @param {Function} parse @returns {[string, string[]][]}
 */
function exportsOf(code, id, parse) {
  try {
    return [[id, parse(code, { lang: 'tsx' }).body.flatMap(exportedNames)]];
  } catch {
    return []; // a syntax error: the compiler reports it when it is asked for
  }
}

/** @param {any} node @returns {string[]} */
function exportedNames(node) {
  if (node.type === 'ExportDefaultDeclaration') return ['default'];
  if (node.type === 'ExportAllDeclaration') return [node.exported ? nameOf(node.exported) : '*'];
  if (node.type !== 'ExportNamedDeclaration' || node.exportKind === 'type') return [];
  const { declaration, specifiers } = node;
  if (!declaration) return specifiers.map((/** @type {any} */ each) => nameOf(each.exported));
  if (declaration.declarations) {
    return declaration.declarations.map((/** @type {any} */ each) => each.id.name ?? '*'); // `{ a, b } = …`
  }
  return declaration.id ? [declaration.id.name] : [];
}

/** @param {any} node */
const nameOf = node => node.name ?? node.value;

/** @param {any} program @param {string} name */
function exportsName(program, name) {
  return program.body.some(
    (/** @type {any} */ node) =>
      node.type === 'ExportNamedDeclaration' && node.declaration?.id?.name === name,
  );
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // removed since it was listed
  }
}
