// Going elsewhere because an action says so.
// Owns: which addresses are followed, and what becomes of the call meanwhile. Refuses to know: calls, rows.

import { readConfig } from './config';

const REDIRECT = 'redirect:'; // a digest that carries a path of the app, or an address

/** Where an error sends the page, if it does. Throws when it is somewhere no page should be sent. */
export function destination(error: unknown): URL | undefined {
  const digest = (error as { digest?: unknown } | null)?.digest;
  if (typeof digest !== 'string' || !digest.startsWith(REDIRECT)) return undefined;
  const location = digest.slice(REDIRECT.length);
  const isOwn = location.startsWith('/');
  const url = new URL(isOwn ? readConfig().root + location : location, globalThis.location.href);
  const isAllowed = isOwn ? url.origin === globalThis.location.origin : /^https?:$/.test(url.protocol);
  if (!isAllowed) throw new TypeError(`The server redirects to ${url.protocol}, where no page is sent.`);
  return url;
}

/**
 * Leaves for another address. What waits for the call goes on waiting, so that nothing flashes up before the page is gone; it
 * gets `undefined` when the page stays after all: another place on the same page, or the browser's way back.
 */
export function leaveFor(url: URL): Promise<undefined> {
  const here = globalThis.location;
  const isSamePage = url.hash !== '' && url.href.split('#')[0] === here.href.split('#')[0];
  here.assign(url.href);
  if (isSamePage) return Promise.resolve(undefined);
  return new Promise(resolve => {
    addEventListener('pageshow', event => event.persisted && resolve(undefined), { once: true });
  });
}
