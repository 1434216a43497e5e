// What Python's redirect() and not_found() become in the browser.
// Owns: recognising them among errors, and where a redirect leads. Refuses to know: who shows what.

import { readConfig } from './config';

const NOT_FOUND = 'not-found';
const REDIRECT = 'redirect:';

/** Whether the server says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return digestOf(error) === NOT_FOUND;
}

/** Whether the server sends the page elsewhere. */
export function isRedirect(error: unknown): boolean {
  return digestOf(error).startsWith(REDIRECT);
}

/** Goes where a redirect leads; a path is one of the app's, whatever its prefix. */
export function follow(error: unknown): void {
  const target = digestOf(error).slice(REDIRECT.length);
  location.replace(target.startsWith('/') ? readConfig().root + target : target);
}

function digestOf(error: unknown): string {
  const digest = (error as { digest?: unknown } | null | undefined)?.digest;
  return typeof digest === 'string' ? digest : '';
}
