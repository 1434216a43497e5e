// Vite's development server for one app folder: node dev.mjs --app DIR --tools DIR [--host H] [--port N]
// Owns: the process. It says {"event":"ready","url":…} once, and ends when its standard input closes, so that it never
// outlives the one who started it. Refuses to know: the pages' server.
import { flightwire } from './index.mjs';
import { unservableFolder } from './letters.mjs';
import { logger, readArguments, say, tell } from './run.mjs';
import { importTool } from './tools.mjs';

const { app, tools, host, port } = readArguments(['app', 'tools', 'host', 'port'], {
  host: '127.0.0.1',
  port: '0',
});

process.stdin
  .on('end', () => process.exit(0))
  .on('error', () => process.exit(0))
  .resume();

try {
  if (/[#?]/.test(app)) throw new Error(unservableFolder(app));
  const { createServer } = await importTool(tools, 'vite');
  const { default: react } = await importTool(tools, '@vitejs/plugin-react');
  const server = await createServer({
    configFile: false,
    customLogger: logger(),
    plugins: [react(), flightwire({ app, tools })],
    server: { host, port: Number(port), strictPort: port !== '0' },
  });
  await server.listen();
  const { address, port: actual } = server.httpServer.address();
  const url = `http://${address.includes(':') ? `[${address}]` : address}:${actual}`;
  server.config.server.origin = url; // imported images and fonts are addressed from pages of another origin
  say({ event: 'ready', url });
} catch (error) {
  say({ event: 'failed', message: tell(error) });
  process.exit(1);
}
