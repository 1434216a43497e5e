// The app's own project: where its vite.config, its packages, its public files and its environment are.
// Owns: finding these in the app folder or beside it. Refuses to know: what is in them.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const CONFIGS = ['ts', 'mts', 'js', 'mjs'].map(ending => `vite.config.${ending}`);

/** The user's vite.config, if there is one. @param {string} app @returns {string | undefined} */
export function findUserConfig(app) {
  return [app, dirname(app)]
    .filter(folder => folder === app || isProject(folder))
    .flatMap(folder => CONFIGS.map(name => join(folder, name)))
    .find(file => existsSync(file));
}

/** The folder of the user's package.json: the app folder, the one around it, or none. @param {string} app */
export function projectFolder(app) {
  return [app, dirname(app)].find(isProject);
}

/** The folder whose .env files count: the app's, or the one around it. @param {string} app */
export function environmentFolder(app) {
  const holds = (/** @type {string} */ folder) => readdirSync(folder).some(name => /^\.env(\.|$)/.test(name));
  return [app, dirname(app)].find(holds) ?? app;
}

/** @param {string} folder */
const isProject = folder => existsSync(join(folder, 'package.json'));
