// Vite's settings for one app: those of the app's own vite.config, and ours over them.
// Owns: loading the file and joining both. Refuses to know: what the plugins in it do.
import { register } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findUserConfig } from './beside.mjs';
import { flightwire } from './index.mjs';
import { brokenConfig } from './letters.mjs';
import { importTool, toolsImporter } from './tools.mjs';

const OURS = /^flightwire:/;
const REACT = /^vite:react/;

/**
 * The settings of one app: the user's, and ours over them.
 *
 * @param {{app: string, tools: string}} options
 * @param {'serve' | 'build'} command
 * @param {import('vite').InlineConfig} own
 * @returns {Promise<import('vite').InlineConfig>}
 */
export async function configFor({ app, tools }, command, own) {
  const { loadConfigFromFile, mergeConfig } = await importTool(tools, 'vite');
  const { default: react } = await importTool(tools, '@vitejs/plugin-react');
  const mode = command === 'build' ? 'production' : 'development';
  const theirs = await userConfig(app, tools, { command, mode }, loadConfigFromFile);
  const plugins = (await flat(theirs.plugins)).filter(plugin => !OURS.test(plugin.name));
  const hasReact = plugins.some(plugin => REACT.test(plugin.name));
  return {
    ...mergeConfig({ ...theirs, plugins: [], envPrefix: undefined }, { ...own, mode, configFile: false }),
    plugins: [...(hasReact ? [] : [react()]), ...plugins, flightwire({ app, tools })],
  };
}

/** @param {string} app @param {string} tools @param {{command: string, mode: string}} env @param {Function} load */
async function userConfig(app, tools, env, load) {
  const file = findUserConfig(app);
  if (!file) return {};
  fallBackTo(tools);
  try {
    return (await load(env, file, dirname(file), 'silent', undefined, 'native'))?.config ?? {};
  } catch (error) {
    throw new Error(brokenConfig(file, /** @type {Error} */ (error)?.message ?? String(error)));
  }
}

/** `import { defineConfig } from 'vite'` works in a project that has not installed Vite itself. @param {string} tools */
function fallBackTo(tools) {
  const hooks = `export async function resolve(name, context, next) {
    try { return await next(name, context); }
    catch (error) {
      if (!/^(vite|@vitejs\\/plugin-react)(\\/|$)/.test(name)) throw error;
      return await next(name, { ...context, parentURL: ${JSON.stringify(pathToFileURL(toolsImporter(tools)).href)} });
    }
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

/** @param {any} plugins @returns {Promise<import('vite').Plugin[]>} */
async function flat(plugins) {
  const settled = await plugins;
  if (!Array.isArray(settled)) return settled ? [settled] : [];
  return (await Promise.all(settled.map(flat))).flat();
}
