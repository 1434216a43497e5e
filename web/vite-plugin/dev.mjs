// Vite's development server for one app folder: node dev.mjs --app DIR --tools DIR [--host H] [--port N]
// Owns: the process. It says {"event":"ready","url":…} once, tells pages each {"event":…,"facts":…} that it reads, and ends when its
// standard input closes, so that it never outlives the one who started it. Refuses to know: the pages' server.
import { hostname, networkInterfaces } from 'node:os';
import { createInterface } from 'node:readline';
import { configFor } from './config.mjs';
import { unservableFolder } from './letters.mjs';
import { logger, readArguments, say, tell } from './run.mjs';
import { importTool } from './tools.mjs';

const { app, tools, host, port } = readArguments(['app', 'tools', 'host', 'port'], {
  host: '127.0.0.1',
  port: '0',
});

const WILDCARDS = new Set(['0.0.0.0', '::']);

/** What Python says before anybody can be told is for pages that are not open yet. @type {(line: string) => void} */
let hear = () => {};
createInterface({ input: process.stdin })
  .on('line', line => hear(line))
  .on('close', () => process.exit(0))
  .on('error', () => process.exit(0));

try {
  if (/[#?]/.test(app)) throw new Error(unservableFolder(app));
  const { createServer } = await importTool(tools, 'vite');
  const server = await createServer(
    await configFor({ app, tools }, 'serve', {
      customLogger: logger(),
      server: { host, port: Number(port), strictPort: port !== '0', ...reachableBy(host) },
    }),
  );
  await server.listen();
  const { address, port: actual } = server.httpServer.address();
  // imported images and fonts are addressed from pages of another origin
  server.config.server.origin = urlOf(
    WILDCARDS.has(address) ? (ownAddresses()[0] ?? address) : address,
    actual,
  );
  hear = line => {
    const { event, facts } = JSON.parse(line);
    server.ws.send({ type: 'custom', event: `flightwire:${event}`, data: facts });
  };
  say({ event: 'ready', url: urlOf(address, actual) });
} catch (error) {
  say({ event: 'failed', message: tell(error) });
  process.exit(1);
}

/** What pages of other machines need, when Vite listens for more than this one: their origin is an address of ours. */
function reachableBy(/** @type {string} */ host) {
  if (['127.0.0.1', 'localhost', '::1'].includes(host)) return {}; // Vite's own default: pages of this machine
  const names = [hostname(), ...ownAddresses(), 'localhost', '127.0.0.1', '[::1]'];
  const any = names.map(name => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return { allowedHosts: [hostname()], cors: { origin: new RegExp(`^https?://(?:${any})(?::\\d+)?$`, 'i') } };
}

function ownAddresses() {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? []);
  return all
    .filter(({ internal }) => !internal)
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
}

/** @param {string} address @param {number} port */
function urlOf(address, port) {
  return `http://${address.includes(':') && !address.startsWith('[') ? `[${address}]` : address}:${port}`;
}
