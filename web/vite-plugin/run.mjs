// What the two programs share: their arguments, and one JSON line per thing to say.
// Owns: standard input and output. Refuses to know: development and builds.
import { parseArgs } from 'node:util';
import { LETTER } from './letters.mjs';

/**
 * @template {string} Name
 * @param {Name[]} names @param {Partial<Record<Name, string>>} defaults for the ones that may be left out.
 * @returns {Record<Name, string>}
 */
export function readArguments(names, defaults = {}) {
  const options = Object.fromEntries(names.map(name => [name, { type: /** @type {const} */ ('string') }]));
  const { values } = parseArgs({ options });
  for (const name of names) {
    if (values[name] === undefined && defaults[name] === undefined) {
      say({ event: 'failed', message: `--${name} is missing` });
      process.exit(2);
    }
  }
  return /** @type {any} */ ({ ...defaults, ...values });
}

/** @param {Record<string, unknown>} line */
export function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** @param {unknown} error @returns {string} what went wrong, without stack and colours. */
export function tell(error) {
  const { message, pluginCode, loc, frame, errors } = /** @type {any} */ (error ?? {});
  if (Array.isArray(errors) && errors.length) return [...new Set(errors.map(tell))].join('\n');
  if (pluginCode === LETTER) return clean(message);
  const place = loc?.file ? `${loc.file}:${loc.line}: ` : '';
  return clean(`${place}${clean(message ?? error).replace(HEADING, '')}${frame ? `\n${frame}` : ''}`);
}

/** A logger that says one line per message, letters without their stack. @returns {import('vite').Logger} */
export function logger() {
  const warned = new Set();
  /** @type {{error: unknown, at: number}} */
  let last = { error: undefined, at: 0 };
  const log =
    (/** @type {string} */ level) => (/** @type {string} */ message, /** @type {any} */ options) => {
      const error = options?.error;
      const text = error ? tell(error) : clean(message);
      if (SAID_ELSEWHERE.test(text)) return;
      if (error && last.error === text && Date.now() - last.at < 1000) return; // Vite reports one failure several times
      if (error) last = { error: text, at: Date.now() };
      say({ event: 'log', level, message: text });
    };
  const logged = {
    info: log('info'),
    warn: log('warning'),
    error: log('error'),
    warnOnce(/** @type {string} */ message) {
      if (!warned.has(message)) logged.warn(message, undefined);
      warned.add(message);
    },
    clearScreen() {},
    hasErrorLogged: () => false,
    hasWarned: false,
  };
  return logged;
}

const HEADING = /^(Build|Transform) failed with \d+ errors?:\s*/;
// Said again, with its place: by the request for the page, and by what build() throws.
const SAID_ELSEWHERE = /^\(!\) Failed to run dependency scan|^✗ Build failed/;

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
const COLOURS = /\u001b\[[\d;]*m/g;

/** @param {unknown} text */
const clean = text => String(text).replace(COLOURS, '').trim();
