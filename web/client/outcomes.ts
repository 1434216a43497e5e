// What Python's redirect() and not_found() are among the errors that components meet.
// Owns: recognising them, and leaving a page that is another's. Refuses to know: who shows what.

import { NOT_FOUND } from './errors';
import { destination } from './navigate';

/** Whether the server says that there is no such thing. */
export function isNotFound(error: unknown): boolean {
  return (error as { digest?: unknown } | null | undefined)?.digest === NOT_FOUND;
}

/** Whether the server sends the page elsewhere. */
export const isRedirect = (error: unknown): boolean => destination(error) !== undefined;

/** Goes there, in place of this page: the browser's way back does not lead here again. */
export function replaceBy(error: unknown): void {
  const url = destination(error);
  if (url) location.replace(url.href);
}
