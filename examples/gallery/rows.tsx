'use client';

import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { type CallEnding, type CallEvent, type FlightRow, observeCalls } from '@flightwire/client';

interface ShownRow extends FlightRow {
  afterMs: number;
}

interface ShownCall {
  id: number;
  action: string;
  startMs: number;
  endMs?: number;
  ending?: CallEnding;
  rows: ShownRow[];
  bytes: number;
}

const MAX_SHOWN = 400; // rows of one call; the last ones
const MAX_CHARS = 600;
const WORDS: Record<string, string> = {
  '': 'model',
  I: 'import',
  E: 'error',
  T: 'text',
  H: 'hint',
  C: 'close',
  R: 'stream',
  r: 'stream',
  X: 'iterable',
  x: 'iterable',
  D: 'debug',
  N: 'time',
  W: 'console',
  P: 'postpone',
};
const ENDINGS: Record<CallEnding, string> = {
  complete: 'complete',
  lost: 'connection lost',
  aborted: 'stopped',
  refused: 'refused',
};

/** A drawer with the rows of every call of a page, as they arrive. */
export function Rows({ loaded }: { loaded: { page: Window } | null }) {
  const [isOpen, setIsOpen] = useState(true);
  const calls = useCalls(loaded);
  const button = useRef<HTMLButtonElement>(null);
  const count = calls.shown.reduce((sum, call) => sum + call.rows.length, 0);
  const bytes = calls.shown.reduce((sum, call) => sum + call.bytes, 0);

  return (
    <section
      className="rows"
      aria-label="Flight rows"
      data-open={isOpen}
      onKeyDown={event => {
        if (event.key !== 'Escape' || !isOpen) return;
        setIsOpen(false);
        button.current?.focus();
      }}
    >
      <header>
        <h2>
          <button
            ref={button}
            type="button"
            className="plain"
            aria-expanded={isOpen}
            aria-controls="rows"
            onClick={() => setIsOpen(!isOpen)}
          >
            <span aria-hidden="true" className="chevron">
              ›
            </span>
            Flight rows
          </button>
        </h2>
        <p className="count">
          {count} {count === 1 ? 'row' : 'rows'}, {sizeOf(bytes)}
        </p>
        <button type="button" className="plain" onClick={calls.clear} aria-disabled={count === 0}>
          Clear
        </button>
      </header>
      <div id="rows" className="drawer" hidden={!isOpen}>
        <Scroller>
          {calls.shown.length === 0 && (
            <p className="empty">Ask something: each row of the answer appears here when it arrives.</p>
          )}
          {calls.shown.map(call => (
            <CallRows key={call.id} call={call} />
          ))}
        </Scroller>
      </div>
    </section>
  );
}

/** The calls of a page, kept when the page is loaded anew. */
function useCalls(loaded: { page: Window } | null) {
  const [shown, setShown] = useState<ShownCall[]>([]);
  const kept = useRef<ShownCall[]>([]);
  const frame = useRef(0);
  const generation = useRef(0);

  useEffect(() => {
    if (!loaded) return;
    const base = ++generation.current * 1_000_000; // a page that was loaded anew counts from one again
    const draw = () => {
      frame.current = 0;
      setShown(kept.current.map(call => ({ ...call })));
    };
    return observeCalls(event => {
      take(kept.current, event, base);
      frame.current ||= requestAnimationFrame(draw);
    }, loaded.page);
  }, [loaded]);

  function clear() {
    kept.current = kept.current.filter(call => !call.ending).map(call => Object.assign(call, { rows: [], bytes: 0 }));
    setShown(kept.current.map(call => ({ ...call })));
  }

  return { shown, clear };
}

function take(calls: ShownCall[], event: CallEvent, base: number): void {
  const id = base + event.call;
  if (event.type === 'start') {
    calls.push({ id, action: event.action, startMs: event.atMs, rows: [], bytes: 0 });
    return;
  }
  const call = calls.find(each => each.id === id);
  if (!call) return;
  if (event.type === 'rows') {
    const afterMs = event.atMs - call.startMs;
    call.rows = [...call.rows, ...event.rows.map(row => ({ ...row, text: row.text.slice(0, MAX_CHARS), afterMs }))];
    call.bytes += event.rows.reduce((sum, row) => sum + row.bytes, 0);
  } else {
    call.ending = event.ending;
    call.endMs = event.atMs;
  }
}

function CallRows({ call }: { call: ShownCall }) {
  const { rows, ending, endMs, startMs } = call;
  const hidden = Math.max(0, rows.length - MAX_SHOWN);

  return (
    <table>
      <caption>
        <b>{call.action}</b> <span className={ending ?? 'open'}>{ending ? ENDINGS[ending] : 'arriving…'}</span>{' '}
        <span>
          {rows.length} {rows.length === 1 ? 'row' : 'rows'}, {sizeOf(call.bytes)}
          {endMs !== undefined && `, ${((endMs - startMs) / 1000).toFixed(1)} s`}
        </span>
      </caption>
      <colgroup>
        <col className="after" />
        <col className="id" />
        <col className="kinds" />
        <col className="bytes" />
        <col />
      </colgroup>
      <thead>
        <tr className="spoken">
          <th scope="col">After</th>
          <th scope="col">Id</th>
          <th scope="col">Kind</th>
          <th scope="col">Bytes</th>
          <th scope="col">Row</th>
        </tr>
      </thead>
      <tbody>
        {hidden > 0 && (
          <tr>
            <td colSpan={5} className="quiet">
              {hidden} earlier rows
            </td>
          </tr>
        )}
        {rows.slice(hidden).map((row, index) => (
          <Row key={hidden + index} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row }: { row: ShownRow }) {
  const word = WORDS[row.tag] ?? 'bytes';
  return (
    <tr>
      <td className="after">{Math.round(row.afterMs)} ms</td>
      <td className="id">{row.id || '–'}</td>
      <td>
        <span className={`kind ${word}`}>{word}</span>
      </td>
      <td className="bytes">{row.bytes} B</td>
      <td className="text">{row.text}</td>
    </tr>
  );
}

/** Follows the newest row unless the reader has scrolled up. */
function Scroller({ children }: { children: React.ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const lastTop = useRef(0);

  useLayoutEffect(() => {
    if (follows.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });

  return (
    <div
      className="scroller"
      ref={box}
      role="region"
      aria-label="Rows of the calls"
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        if (scrollHeight - scrollTop - clientHeight < 24) follows.current = true;
        else if (scrollTop < lastTop.current) follows.current = false;
        lastTop.current = scrollTop;
      }}
    >
      {children}
    </div>
  );
}

function sizeOf(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
