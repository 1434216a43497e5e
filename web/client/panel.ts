// The panel that shows one report over the page.
// Owns: its elements, in a shadow root so that neither the page's styles nor ours reach each other. Refuses to know:
// what is reported, and React.

import { excerptOf, openInEditor } from './editor';
import { type Frame, placeOf, type Report } from './report';

const TAG = 'flightwire-error';
const STYLE = `
:host { all: initial; position: fixed; inset: auto 1rem 1rem; z-index: 2147483647; display: grid; justify-content: center; pointer-events: none;
  --ink: #1d1b1a; --paper: #fff; --line: #ddd6d1; --quiet: #625a55; --loud: #b02a16; --bar: #c4321c; --well: #f7f3f0; color-scheme: light }
section { box-sizing: border-box; pointer-events: auto; width: min(50rem, calc(100vw - 2rem)); max-height: min(80vh, 44rem); overflow: auto; padding: 1rem 1.25rem 1.1rem;
  font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-left: 4px solid var(--bar); border-radius: 8px; box-shadow: 0 8px 32px #0004 }
header { display: flex; gap: .5rem; align-items: start; justify-content: space-between }
header div { flex: 1; min-width: 0 }
.where { margin: 0; font-size: 12px; color: var(--quiet); overflow-wrap: anywhere }
h2 { margin: 0; font-size: 16px; font-weight: 650; color: var(--loud); overflow-wrap: anywhere }
p { margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere }
.message { margin-top: .6rem; font: 13px/1.55 ui-monospace, monospace }
pre { margin: .8rem 0 0; padding: .5rem .7rem; overflow: auto; font: 12.5px/1.6 ui-monospace, monospace; color: var(--quiet); background: var(--well); border-radius: 6px; tab-size: 4 }
pre b { display: inline-block; min-width: 100%; font-weight: 600; color: var(--ink); background: color-mix(in srgb, var(--bar) 16%, transparent) }
ul { margin: .7rem 0 0; padding: 0; list-style: none; font: 13px/1.6 ui-monospace, monospace }
li { overflow-wrap: anywhere }
.place { all: unset; cursor: pointer; text-decoration: underline; text-underline-offset: 2px }
.place:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; border-radius: 2px }
.hint { padding-top: .6rem; margin-top: .8rem; border-top: 1px solid var(--line); color: var(--quiet) }
header button { flex: none; font: inherit; font-size: 13px; color: inherit; background: none; border: 1px solid var(--line); border-radius: 5px; padding: .1rem .65rem; cursor: pointer }
header button:hover { border-color: currentColor }
header button:focus-visible { outline: 2px solid var(--bar); outline-offset: 1px }
@media (prefers-color-scheme: dark) {
  :host { --ink: #ece8e5; --paper: #1e1c1b; --line: #45403d; --quiet: #b5ada7; --loud: #ff8d79; --bar: #ff7a63; --well: #292625; color-scheme: dark }
}
@media (forced-colors: active) { section { border: 2px solid } }`;

let previousFocus: Element | null = null;
let shown: Report | null = null;

/** Shows a report in place of the one before; one that is shown already stays, so that what is read does not change. */
export function showPanel(report: Report): void {
  if (shown?.digest !== undefined && shown.digest === report.digest) return;
  const { activeElement } = document;
  hidePanel();
  shown = report;
  previousFocus = activeElement;
  const host = document.createElement(TAG);
  const shadow = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet(); // unlike a style element, it needs no leave of the page's Content-Security-Policy
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(dialog(report));
  document.documentElement.append(host);
  addEventListener('keydown', closeOnEscape);
}

/** Takes the panel away and gives the focus back. */
export function hidePanel(): void {
  shown = null;
  const host = document.querySelector(TAG);
  if (!host) return;
  const hadFocus = document.activeElement === host;
  host.remove();
  removeEventListener('keydown', closeOnEscape);
  if (hadFocus && previousFocus instanceof HTMLElement) previousFocus.focus();
}

function dialog(report: Report): HTMLElement {
  const section = element('section', '', {
    role: 'alertdialog',
    'aria-labelledby': 'title',
    'aria-describedby': 'message',
  });
  const heading = element('div');
  heading.append(
    element('p', report.where, { class: 'where' }),
    element('h2', report.title, { id: 'title' }),
  );
  const header = element('header');
  header.append(heading, copyButton(report), button('Close', hidePanel));
  // It is not focused, so that nobody is interrupted in typing: what is said must be heard all the same.
  const message = element('p', report.message, { id: 'message', class: 'message', role: 'alert' });
  section.append(header, message);
  const [innermost] = report.frames;
  if (innermost) section.append(excerpt(innermost), places(report.frames));
  section.append(element('p', report.hint, { class: 'hint' }));
  return section;
}

function places(frames: readonly Frame[]): HTMLElement {
  const list = element('ul');
  for (const frame of frames) {
    const item = element('li');
    const place = button(placeOf(frame), () => void openInEditor(frame));
    place.className = 'place';
    place.title = 'Open in the editor';
    item.append(place, frame.name ? ` ${frame.name}` : '');
    list.append(item);
  }
  return list;
}

/** The lines around a place, once they are there. */
function excerpt(frame: Frame): HTMLElement {
  const block = element('pre');
  block.hidden = true;
  void excerptOf(frame).then(lines => {
    block.hidden = lines.length === 0;
    for (const { number, text, isMeant } of lines) {
      const line = `${String(number).padStart(4)}  ${text}\n`;
      block.append(isMeant ? element('b', line) : line);
    }
  });
  return block;
}

function copyButton(report: Report): HTMLElement {
  const copy = button('Copy', async () => {
    await navigator.clipboard.writeText(textOf(report)).then(
      () => {
        copy.textContent = 'Copied';
      },
      () => {
        copy.textContent = 'Not allowed';
      },
    );
  });
  return copy;
}

/** A report as one pastes it. */
export function textOf(report: Report): string {
  const frames = report.frames.map(frame => `  at ${placeOf(frame)} ${frame.name}`.trimEnd());
  return [`${report.where}: ${report.title}: ${report.message}`, ...frames, report.hint].join('\n');
}

function button(text: string, onClick: () => void): HTMLButtonElement {
  const node = element('button', text, { type: 'button' }) as HTMLButtonElement;
  node.addEventListener('click', onClick);
  return node;
}

function element(tag: string, text = '', attributes: Record<string, string> = {}): HTMLElement {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function closeOnEscape(event: KeyboardEvent): void {
  if (event.key === 'Escape') hidePanel();
}
