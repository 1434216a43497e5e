// A production build of one app folder: node build.mjs --app DIR --tools DIR --out DIR
// Owns: the process; it says {"event":"built"} or {"event":"failed","message":…}. Refuses to know: how it is served.
import { join } from 'node:path';
import { compressFiles } from './compress.mjs';
import { configFor } from './config.mjs';
import { copyPublicFiles } from './public.mjs';
import { logger, readArguments, say, tell } from './run.mjs';
import { importTool } from './tools.mjs';

const { app, tools, out } = readArguments(['app', 'tools', 'out']);

process.env.NODE_ENV = 'production'; // React's production build, whatever the shell had
process.stdin
  .on('end', () => process.exit(0))
  .on('error', () => process.exit(0))
  .resume();

try {
  const { build } = await importTool(tools, 'vite');
  await build(
    await configFor({ app, tools }, 'build', {
      customLogger: logger(),
      base: './',
      build: { outDir: out, assetsDir: 'assets' },
    }),
  );
  copyPublicFiles(app, join(out, 'public'));
  await Promise.all(['assets', 'public'].map(folder => compressFiles(join(out, folder))));
  say({ event: 'built' });
  process.exit(0);
} catch (error) {
  say({ event: 'failed', message: tell(error) });
  process.exit(1);
}
