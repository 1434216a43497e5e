// The files that an app serves as they are: public/, and its icons.
// Owns: copying them into a build, which is whole then. Refuses to know: how they are served (server/public.py).
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export const PUBLIC = 'public';
const ICON = /^(?:favicon\.ico|icon\.(?:ico|png|svg|jpe?g)|apple-icon\.(?:png|jpe?g))$/;

/** @param {string} app @param {string} out the folder that is to hold them. */
export function copyPublicFiles(app, out) {
  mkdirSync(out, { recursive: true });
  for (const entry of readdirSync(app, { withFileTypes: true })) {
    if (entry.name === PUBLIC && entry.isDirectory()) cpSync(join(app, PUBLIC), out, { recursive: true });
    else if (ICON.test(entry.name) && entry.isFile()) cpSync(join(app, entry.name), join(out, entry.name));
  }
}
