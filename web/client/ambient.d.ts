/// <reference types="vite/client" />

declare module 'react-server-dom-webpack/client.browser' {
  export interface Options {
    callServer?: (id: string, args: unknown[]) => Promise<unknown>;
    temporaryReferences?: unknown;
    replayConsoleLogs?: boolean;
  }
  export function createFromReadableStream<T = unknown>(
    stream: ReadableStream<Uint8Array>,
    options?: Options,
  ): Promise<T>;
  export function createTemporaryReferenceSet(): unknown;
  export function encodeReply(
    value: unknown,
    options?: { temporaryReferences?: unknown; signal?: AbortSignal },
  ): Promise<string | FormData>;
  export function createServerReference(
    id: string,
    callServer: (id: string, args: unknown[]) => Promise<unknown>,
    encodeFormAction?: unknown,
    findSourceMapURL?: unknown,
    functionName?: string,
  ): (...args: unknown[]) => Promise<unknown>;
}

declare module '@vitejs/plugin-react/preamble' {}

declare module 'virtual:flightwire/modules' {
  export const modules: Record<string, () => Promise<Record<string, unknown>>>;
}
