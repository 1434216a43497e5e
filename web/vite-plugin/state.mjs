// The state folder APP/.flightwire/: what Python and the plugin tell each other.
// Owns: where the files are, that Vite shows them to nobody, reading and writing them whole. Refuses to know: what is in them.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param {string} app */
export const stateFolder = app => join(app, '.flightwire');

/** What Vite must not serve: the secret key, chats, the app's Python code; and what it does not by itself, since this list replaces its own. */
export const PRIVATE = [
  '**/.flightwire/*',
  '*.{py,pyc}',
  ...['.env', '.env.*', '*.{crt,pem,key,p12,pfx,cer,der}', '.npmrc', '.yarnrc.yml', '**/.git/**'],
];

/** @param {string} app @param {string} name @returns {unknown} what the file says, or undefined. */
export function readState(app, name) {
  try {
    return JSON.parse(readFileSync(join(stateFolder(app), name), 'utf8'));
  } catch {
    return undefined; // absent, or being written: the watcher tells when it is there
  }
}

/** @param {string} app @param {string} name @param {unknown} value */
export function writeState(app, name, value) {
  const folder = stateFolder(app);
  mkdirSync(folder, { recursive: true });
  writeOnce(join(folder, '.gitignore'), '*\n');
  const path = join(folder, name);
  const text = `${JSON.stringify(value, null, 2)}\n`;
  if (same(path, text)) return;
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, text);
  renameSync(draft, path); // readers see the old file or the new one, never half
}

/** @param {string} path @param {string} text */
function writeOnce(path, text) {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch {
    // it is there already
  }
}

/** @param {string} path @param {string} text */
function same(path, text) {
  try {
    return readFileSync(path, 'utf8') === text;
  } catch {
    return false;
  }
}
