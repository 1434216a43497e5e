// The panel that shows one report over the page.
// Owns: its elements, in a shadow root so that neither the page's styles nor ours reach each other. Refuses to know:
// what is reported, and React.

import type { Report } from './report';

const TAG = 'flightwire-error';
const STYLE = `
:host { all: initial; position: fixed; inset: auto 1rem 1rem; z-index: 2147483647; display: grid; justify-content: center; pointer-events: none }
section { box-sizing: border-box; pointer-events: auto; width: min(46rem, calc(100vw - 2rem)); max-height: 70vh; overflow: auto; padding: 1rem 1.25rem 1.1rem;
  font: 14px/1.5 system-ui, sans-serif; color: #1d1b1a; background: #fff; border: 1px solid #d9d4d0; border-left: 4px solid #c4321c; border-radius: 8px; box-shadow: 0 8px 32px #0003 }
header { display: flex; gap: 1rem; align-items: start; justify-content: space-between }
h2 { margin: 0; font-size: 15px; font-weight: 650; color: #b02a16 }
p { margin: .4rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere }
ul { margin: .7rem 0 0; padding: 0; list-style: none; font: 13px/1.6 ui-monospace, monospace }
li { overflow-wrap: anywhere }
.message { font: 13px/1.5 ui-monospace, monospace }
.hint { color: #5d5651 }
button { font: inherit; font-size: 13px; color: inherit; background: none; border: 1px solid currentColor; border-radius: 5px; padding: 0 .6rem; opacity: .75; cursor: pointer }
button:hover, button:focus-visible { opacity: 1 }
@media (prefers-color-scheme: dark) {
  section { color: #ece8e5; background: #1e1c1b; border-color: #45403d; border-left-color: #ff7a63 }
  h2 { color: #ff8d79 } .hint { color: #b1a9a3 }
}`;

let previousFocus: Element | null = null;

/** Shows a report in place of the one before. */
export function showPanel(report: Report): void {
  const { activeElement } = document;
  hidePanel();
  previousFocus = activeElement;
  const host = document.createElement(TAG);
  const close = element('button', 'Close');
  close.setAttribute('type', 'button');
  close.addEventListener('click', hidePanel);
  const shadow = host.attachShadow({ mode: 'open' });
  const sheet = new CSSStyleSheet(); // unlike a style element, it needs no leave of the page's Content-Security-Policy
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(dialog(report, close));
  document.documentElement.append(host);
  addEventListener('keydown', closeOnEscape);
}

/** Takes the panel away and gives the focus back. */
export function hidePanel(): void {
  const host = document.querySelector(TAG);
  if (!host) return;
  const hadFocus = document.activeElement === host;
  host.remove();
  removeEventListener('keydown', closeOnEscape);
  if (hadFocus && previousFocus instanceof HTMLElement) previousFocus.focus();
}

function dialog(report: Report, close: HTMLElement): HTMLElement {
  const section = element('section');
  section.setAttribute('role', 'alertdialog');
  section.setAttribute('aria-labelledby', 'title');
  section.setAttribute('aria-describedby', 'message');
  const header = element('header');
  header.append(element('h2', report.title, { id: 'title' }), close);
  const frames = element('ul');
  frames.append(...report.frames.map(frame => element('li', frame)));
  section.append(header, element('p', report.message, { id: 'message', class: 'message' }));
  if (report.frames.length) section.append(frames);
  section.append(element('p', report.hint, { class: 'hint' }));
  return section;
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
