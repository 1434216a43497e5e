// Answers made by hand, for a page that does not exist.
import { readStreamableValue } from '@ai-sdk/rsc';
import { vi } from 'vitest';

export const FLIGHT = { 'content-type': 'text/x-component' };
export const TYPE = '"$Sui.streamable.value"';

/** The page that the runtime believes to be on. */
export function stubPage(): void {
  const config = JSON.stringify({ root: '/x/y', dev: true, page: 'page.tsx' });
  vi.stubGlobal('document', {
    getElementById: (id: string) => (id === '__flightwire' ? { textContent: config } : null),
  });
  vi.stubGlobal(
    '__webpack_require__',
    Object.assign((id: string) => modules().get(id), { u: (id: string) => id }),
  );
  vi.stubGlobal('__webpack_chunk_load__', (id: string) => modules().load(id));
  vi.stubGlobal('__webpack_get_script_filename__', (id: string) => id);
}

function modules(): { get(id: string): unknown; load(id: string): Promise<void> } {
  return (globalThis as unknown as { __flightwire_modules__: ReturnType<typeof modules> })
    .__flightwire_modules__;
}

/** Answers every request with this response, and keeps the requests. */
export function serve(respond: (init: RequestInit) => Response | Promise<Response>) {
  const requests: { url: string; init: RequestInit }[] = [];
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init = {}) => {
    requests.push({ url: String(url), init });
    return respond(init);
  });
  return requests;
}

export type End = 'close' | 'abort' | 'break' | 'hang';

/** A body in these pieces; `end` says how it ends. */
export function body(
  pieces: (string | Uint8Array<ArrayBuffer>)[],
  end: End = 'close',
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const rest = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = rest.shift();
      if (piece !== undefined) controller.enqueue(typeof piece === 'string' ? encoder.encode(piece) : piece);
      else if (end === 'close') controller.close();
      else if (end === 'hang') return new Promise(() => {});
      else
        controller.error(
          end === 'abort' ? new DOMException('stop', 'AbortError') : new TypeError('network error'),
        );
      return undefined;
    },
  });
}

export const rows = (...lines: string[]) => lines.map(line => `${line}\n`);

export const flight = (pieces: string[], end?: End, status = 200) =>
  new Response(body(pieces, end), { status, headers: FLIGHT });

export async function readAll(value: unknown) {
  const seen: unknown[] = [];
  try {
    for await (const each of readStreamableValue(value as never)) seen.push(each);
  } catch (error) {
    return { seen, error };
  }
  return { seen, error: undefined };
}
