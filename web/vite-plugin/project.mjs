// A team's own Vite project that calls the Python actions of an app folder.
// Owns: Vite's settings for such a project, where its calls go, what its modules must load first. Refuses to know: pages and
// shells of ours (index.mjs), and how a call travels.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { letter, missingFlightClient, serverOfThisMachine } from './letters.mjs';
import { CONVENTION, findClientModules } from './modules.mjs';
import { bundledResolution } from './resolve.mjs';
import { webpackShims } from './shims.mjs';
import { PRIVATE, stateFolder } from './state.mjs';
import { CLIENT, SINGLETONS, slashed } from './tools.mjs';

export const PROJECT = 'virtual:flightwire/project';
const RESOLVED = `\0${PROJECT}`;
const FLIGHT_CLIENT = 'react-server-dom-webpack/client.browser';
const VENDORED = fileURLToPath(
  new URL('./vendor/react-server-dom-webpack/client.browser.js', import.meta.url),
);
/** In development calls go to Vite, which passes them on: same origin, so cookies and checks are as in production. */
const PROXY = '/__flightwire';
const VARIABLE = 'VITE_FLIGHTWIRE_SERVER';

/** @param {{app: string, root: string, server: string}} options @returns {import('vite').Plugin} */
export function projectSettings({ app, root, server }) {
  let address = server;
  let isDevelopment = true;
  const flight = flightClient(root);
  const rsc = rscFolder(root);
  return {
    name: 'flightwire:project',
    enforce: 'pre',
    config(_, { command }) {
      isDevelopment = command === 'serve';
      return {
        resolve: {
          alias: [
            { find: /^@flightwire\/client$/, replacement: `${CLIENT}/index.ts` },
            { find: /^@flightwire\/client\/(references|project)$/, replacement: `${CLIENT}/$1.ts` },
            ...(flight ? [{ find: FLIGHT_CLIENT, replacement: flight }] : []),
            ...(rsc ? [{ find: /^@ai-sdk\/rsc$/, replacement: `${rsc}/rsc-client.js` }] : []),
            ...(rsc
              ? [{ find: /^@ai-sdk\/rsc\/dist\/rsc-shared\.js$/, replacement: `${rsc}/rsc-shared.js` }]
              : []),
          ],
          dedupe: SINGLETONS,
        },
        optimizeDeps: {
          include: [
            'react',
            'react/jsx-runtime',
            'react/jsx-dev-runtime',
            'react-dom',
            'react-dom/client',
            ...(flight ? [FLIGHT_CLIENT] : []),
            ...(rsc ? ['@ai-sdk/rsc', '@ai-sdk/rsc/dist/rsc-shared.js'] : []),
          ],
          rolldownOptions: { plugins: [webpackShims(), bundledResolution({ tools: root })] },
        },
        server: { fs: { deny: PRIVATE }, watch: { ignored: ['**/.venv/**', '**/__pycache__/**'] } },
      };
    },
    configResolved(config) {
      address = config.env[VARIABLE] ?? server;
      config.server.fs.allow.push(app, CLIENT, dirname(VENDORED));
      if (isDevelopment && /^https?:/.test(address)) {
        config.server.proxy = { ...config.server.proxy, [PROXY]: passingOn(address) };
      } else if (!isDevelopment && isLoopback(address)) {
        config.logger.warn(serverOfThisMachine(address, VARIABLE));
      }
    },
    configureServer(server) {
      server.watcher.add([join(stateFolder(app), 'actions.json'), app]);
    },
    resolveId: { order: 'pre', handler: source => (source === PROJECT ? RESOLVED : undefined) },
    load: {
      filter: { id: new RegExp(`^${RESOLVED}$`) },
      handler() {
        if (!flight) return this.error(letter(missingFlightClient()));
        const root = isDevelopment && /^https?:/.test(address) ? PROXY : address;
        return { code: startCode(root.replace(/\/+$/, ''), isDevelopment, app), map: null };
      },
    },
  };
}

/** @param {string} root @param {boolean} dev @param {string} app */
function startCode(root, dev, app) {
  const settings = JSON.stringify({ root, dev, page: '', ...(dev ? { app: slashed(app) } : {}) });
  return [
    "import { startProject } from '@flightwire/client/project';",
    "import { modules } from 'virtual:flightwire/modules';",
    `startProject(${settings}, modules);`,
  ].join('\n');
}

/** Client components that Python may name; pages are the project's own. @param {string} app */
export const projectModules = app => findClientModules(app).filter(id => !CONVENTION.test(id));

/** @param {string} address @returns {import('vite').ProxyOptions} */
function passingOn(address) {
  return {
    target: address,
    changeOrigin: true,
    cookieDomainRewrite: '',
    rewrite: path => path.slice(PROXY.length),
    configure(proxy) {
      // A page that stops an answer must stop the work behind it.
      proxy.on('proxyReq', (request, _, response) => {
        response.on('close', () => request.destroy());
      });
    },
  };
}

/** The project's own copy, else the one that came with this package. @param {string} root */
function flightClient(root) {
  try {
    return slashed(createRequire(join(root, 'package.json')).resolve(FLIGHT_CLIENT));
  } catch {
    return existsSync(VENDORED) ? slashed(VENDORED) : undefined;
  }
}

/** Both faces of the AI SDK must be one copy of its contexts. @param {string} root */
export function rscFolder(root) {
  try {
    return slashed(dirname(createRequire(join(root, 'package.json')).resolve('@ai-sdk/rsc')));
  } catch {
    return undefined;
  }
}

/** @param {string} address */
const isLoopback = address => /^https?:\/\/(localhost|127\.|\[::1\]|0\.0\.0\.0)/.test(address);
