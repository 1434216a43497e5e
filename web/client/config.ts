// What the shell tells the runtime.
// Owns: reading it from the page, once. Refuses to know: who wrote it.

import { ActionError, CUT } from './errors';
import type { ServerFailure } from './report';
import type { Chunk } from './shell';

export interface Config {
  /** The prefix under which the app is mounted: '' or '/x/y'; in a project of its own also 'https://example.com/x'. */
  root: string;
  dev: boolean;
  /** The page's file, such as 'page.tsx', as an address writes it; empty when it is no page of ours. */
  page: string;
  /** The app folder; development only, to shorten file names. */
  app?: string;
  /** Whether Python code makes a part of the page's tree; development only. */
  isPython?: boolean;
  /** Why the app could not be loaded; development only. */
  error?: ServerFailure;
}

let config: Config | undefined;

/** The shell's settings. Throws when the page was not served by Flightwire. */
export function readConfig(): Config {
  config ??= readJson<Config>('__flightwire');
  return config;
}

/** Settings that come from elsewhere than a shell. */
export function setConfig(given: Config): void {
  config = given;
}

/** The first rows of the page itself, as the shell carries them. */
export function readRows(): Chunk {
  return readJson<Chunk>('__flightwire_rows');
}

function readJson<T>(id: string): T {
  const text = document.getElementById(id)?.textContent;
  if (text == null)
    throw new Error(`<script id="${id}"> is missing: this page was not served by Flightwire.`);
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new ActionError('lost', CUT, { cause });
  }
}
