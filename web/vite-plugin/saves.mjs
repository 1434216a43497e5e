// Files in the middle of being saved.
// Owns: waiting for the content of a file that is empty for a moment, because editors empty a file before they write it.
// Refuses to know: what is in it.
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { slashed } from './tools.mjs';

const WAIT_MS = 20;
const ATTEMPTS = 10;

/** @param {{app: string}} options @returns {import('vite').Plugin} */
export function completeSaves({ app }) {
  const own = `${slashed(app)}/`;
  return {
    name: 'flightwire:saves',
    apply: 'serve',
    load: {
      order: 'pre',
      filter: { id: /\.[cm]?[jt]sx?$/ },
      async handler(id) {
        if (!id.startsWith(own) || id.includes('/node_modules/')) return undefined;
        for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
          const code = await readFile(id, 'utf8').catch(() => '');
          if (code) return code;
          await setTimeout(WAIT_MS);
        }
        return undefined; // it is empty, or gone: Vite says so
      },
    },
  };
}
