// Imports that the app folder cannot resolve.
// Owns: the order (the app's own packages, then the tool folder) and the letters when neither has it. Refuses to know:
// Python files (actions.mjs), and packages that exist once (tools.mjs).
import { relative } from 'node:path';
import { letter, missingFile, missingPackage, nextImport } from './letters.mjs';
import { slashed, toolsImporter } from './tools.mjs';

const BARE = /^(?![a-zA-Z]:)[\w@](?!.*:\/\/)/;
const NEXT = /^next(\/|$)/;
const RELATIVE = /^\.{1,2}(\/|$)/;

/** @param {{app: string, tools: string}} options @returns {import('vite').Plugin} */
export function toolResolution({ app, tools }) {
  /** Files with an import that did not resolve: a new file or package may be the one. */
  const failed = new Set();
  return {
    name: 'flightwire:resolve',
    enforce: 'pre',
    async resolveId(source, importer, options) {
      if (!importer || source.includes('\0') || source.startsWith('virtual:')) return undefined;
      const from = importer.split('?')[0] ?? '';
      const isBare = BARE.test(source);
      if (!isBare && !RELATIVE.test(source) && !isOwn(app, source)) return undefined;
      const own = isOwn(app, from);
      const scan = /** @type {{scan?: boolean}} */ (options).scan; // the scanner only collects packages
      if (own && !scan && NEXT.test(source)) return this.error(letter(nextImport(source, shown(app, from))));
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      if (found) return found;
      const fallback =
        isBare && (await this.resolve(source, toolsImporter(tools), { ...options, skipSelf: true }));
      if (fallback) return fallback;
      if (!own || scan) return undefined;
      failed.add(from);
      const say = isBare ? missingPackage : missingFile;
      return this.error(letter(say(isOwn(app, source) ? shown(app, source) : source, shown(app, from))));
    },
    configureServer(server) {
      const retry = () => {
        if (failed.size) reload(server.environments.client);
        failed.clear();
      };
      server.watcher.on('add', retry);
      server.watcher.on('change', file => {
        if (/[\\/]package(-lock)?\.json$/.test(file)) retry();
      });
    },
    hotUpdate({ modules }) {
      // A module that never compiled has no place in the graph yet that an update could reach.
      if (modules.some(module => module.isSelfAccepting === undefined && !module.transformResult)) {
        reload(this.environment);
      }
    },
  };
}

/** @param {import('vite').DevEnvironment} environment */
function reload(environment) {
  environment.moduleGraph.invalidateAll();
  environment.hot.send({ type: 'full-reload' });
}

/** The same fallback for packages that are bundled ahead of time. @param {{tools: string}} options @returns {import('rolldown').Plugin} */
export function bundledResolution({ tools }) {
  return {
    name: 'flightwire:resolve-bundled',
    async resolveId(source, importer, options) {
      if (!importer || !BARE.test(source)) return undefined;
      const found = await this.resolve(source, importer, { ...options, skipSelf: true });
      return found ?? (await this.resolve(source, toolsImporter(tools), { ...options, skipSelf: true }));
    },
  };
}

/** @param {string} app @param {string} file */
function isOwn(app, file) {
  const path = slashed(file);
  return path.startsWith(`${slashed(app)}/`) && !path.includes('/node_modules/');
}

/** @param {string} app @param {string} file */
const shown = (app, file) => slashed(relative(app, file));
