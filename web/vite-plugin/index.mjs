// The Vite plugin for app folders whose actions are Python.
// Owns: Vite's settings for such a folder, and putting the parts together. Refuses to know: what each part does.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { actionStubs } from './actions.mjs';
import { environmentFolder, projectFolder } from './beside.mjs';
import { missingApp } from './letters.mjs';
import { buildManifest } from './manifest.mjs';
import { clientModules, findClientModules } from './modules.mjs';
import { pageFacts } from './pages.mjs';
import { PROJECT, projectModules, projectSettings, rscFolder } from './project.mjs';
import { PUBLIC } from './public.mjs';
import { bundledResolution, toolResolution } from './resolve.mjs';
import { completeSaves } from './saves.mjs';
import { webpackShims } from './shims.mjs';
import { PRIVATE, stateFolder } from './state.mjs';
import { CLIENT, SINGLETONS, singletonAliases, slashed } from './tools.mjs';

/** What the shell loads: in development by this address, in a build by its hashed name. */
export const ENTRY = '/@flightwire/entry';

// Bundled ahead of time in one go, so that shared parts (React, the AI SDK's contexts) end up in shared files.
const PREBUNDLED = [
  'react',
  'react/jsx-runtime',
  'react/jsx-dev-runtime',
  'react-dom',
  'react-dom/client',
  'react-server-dom-webpack/client.browser',
  '@ai-sdk/rsc',
  '@ai-sdk/rsc/dist/rsc-shared.js',
];

/**
 * @param {{app: string, tools?: string, server?: string}} options the app folder; for pages of ours the folder whose
 *   node_modules serve what the app does not have itself; for a project of its own where the app is served.
 * @returns {import('vite').Plugin[]}
 */
export function flightwire({ app, tools, server = '' }) {
  if (!tools) return project({ app, server });
  const options = { app: realpathSync(app), tools: realpathSync(tools) }; // Vite goes by real paths too
  return [
    settings(options),
    actionStubs(options),
    clientModules(options),
    toolResolution(options),
    pageFacts(options),
    completeSaves(options),
    /** @type {import('vite').Plugin} */ (webpackShims()),
    buildManifest(options),
  ];
}

export default flightwire;

/** @param {{app: string, server: string}} options */
function project({ app, server }) {
  const root = process.cwd();
  const folder = resolve(root, app);
  if (!existsSync(folder)) throw new Error(missingApp(app, folder));
  const options = { app: realpathSync(folder), tools: root, root, server };
  return [
    projectSettings(options),
    actionStubs({ ...options, before: PROJECT }),
    clientModules({ ...options, list: projectModules, rsc: rscFolder(root) ? 'early' : 'absent' }),
    toolResolution(options),
    /** @type {import('vite').Plugin} */ (webpackShims()),
  ];
}

/** @param {{app: string, tools: string}} options @returns {import('vite').Plugin} */
function settings({ app, tools }) {
  return {
    name: 'flightwire:settings',
    enforce: 'pre',
    config: () => ({
      root: app,
      appType: 'custom',
      publicDir: join(app, PUBLIC), // addresses of its files are found; Python serves them
      envDir: environmentFolder(app),
      envPrefix: 'VITE_', // whatever the project says: everything else may be a secret
      cacheDir: join(stateFolder(app), 'vite', cacheKey(tools)),
      resolve: {
        alias: [
          ...singletonAliases(tools),
          { find: /^@flightwire\/client$/, replacement: `${CLIENT}/index.ts` },
          { find: /^@flightwire\/client\/references$/, replacement: `${CLIENT}/references.ts` },
          { find: /^@\//, replacement: `${slashed(app)}/` },
        ],
        dedupe: SINGLETONS,
      },
      optimizeDeps: {
        entries: findClientModules(app).map(escapeGlob),
        include: PREBUNDLED,
        rolldownOptions: { plugins: [webpackShims(), bundledResolution({ tools })] },
      },
      server: {
        fs: { allow: [app, tools, CLIENT, ...ownPackages(app)], deny: PRIVATE },
        hmr: { overlay: false }, // the runtime has one panel for every kind of error
        watch: { ignored: ['**/.venv/**', '**/__pycache__/**', '**/.git/**'] },
      },
      build: {
        emptyOutDir: true,
        copyPublicDir: false,
        rolldownOptions: { input: { entry: `${CLIENT}/entry.ts` } },
      },
    }),
    resolveId: {
      order: 'pre',
      handler: source => (source === ENTRY ? `${CLIENT}/entry.ts` : undefined),
    },
  };
}

/** What packages of the app's own project serve besides their code: fonts, styles. @param {string} app */
function ownPackages(app) {
  const folder = projectFolder(app);
  return folder ? [join(folder, 'node_modules')] : [];
}

/** Pre-bundled packages are kept from run to run, but not when the tools or this plugin change. @param {string} tools */
function cacheKey(tools) {
  const hash = createHash('sha256').update(tools);
  for (const file of [
    join(tools, 'package-lock.json'),
    fileURLToPath(new URL('shims.mjs', import.meta.url)),
  ]) {
    try {
      hash.update(readFileSync(file));
    } catch {
      hash.update('absent');
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** @param {string} path */
const escapeGlob = path => path.replace(/[()[\]{}!*?+@|\\]/g, '\\$&');
