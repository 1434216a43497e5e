// Client modules by id, as Flight asks for them.
// Owns: loading each once and keeping what was loaded, behind the global that the webpack shims use. Refuses to know:
// which modules an app has, and Flight.

import { readConfig } from './config';
import { stopError } from './errors';
import { STOPPED_MODULE } from './owed';

export type Module = Record<string, unknown>;
export type Importers = Record<string, () => Promise<Module>>;

const loaded = new Map<string, Module>();
let importers: Importers = {};

/** Says which modules there are. A later call adds and replaces what is not loaded yet. */
export function registerModules(more: Importers): void {
  importers = { ...importers, ...more };
}

/** Says what a module is that needs not be fetched. */
export function registerModule(id: string, module: object): void {
  loaded.set(id, module as Module);
}

/** Fetches a module; Flight calls it with the chunk id of an import row. */
export async function load(id: string): Promise<void> {
  if (id === STOPPED_MODULE) throw stopError(); // asked for by our own rows, when an answer is stopped
  if (loaded.has(id)) return;
  const importer = Object.hasOwn(importers, id) ? importers[id] : fromVite(id);
  if (!importer)
    throw new Error(
      `The server asks for the client module '${id}', which this page does not have. Reload the page.`,
    );
  loaded.set(id, await importer());
}

/** In development a file may be newer than the list that this page has; Vite knows it by the same address. */
function fromVite(id: string): (() => Promise<Module>) | undefined {
  if (!import.meta.env.DEV || !readConfig().page || !/\.[jt]sx?$/.test(id)) return undefined;
  return () => import(/* @vite-ignore */ `${new URL(import.meta.url).origin}/${id}`) as Promise<Module>;
}

/** The exports of a module that was loaded. */
export function get(id: string): Module {
  const module = loaded.get(id);
  if (!module) throw new Error(`The client module '${id}' was asked for before it was loaded.`);
  return module;
}

Object.assign(globalThis, { __flightwire_modules__: { load, get } });
