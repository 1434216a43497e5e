// What went wrong with an app folder, said in one sentence each.
// Owns: the sentences and the mark by which loggers know them. Refuses to know: Vite.

/** The `pluginCode` of errors whose message says everything: no stack, no code frame. */
export const LETTER = 'FLIGHTWIRE_LETTER';

/** @param {string} message */
export const letter = message => ({ message, pluginCode: LETTER, stack: '' });

/** @param {string} source @param {string} from */
export function missingPackage(source, from) {
  return `${from} imports "${source}", which is not installed. Type: npm install ${packageName(source)} (in the folder of the page), or correct the name.`;
}

/** @param {string} source @param {string} from */
export function missingFile(source, from) {
  const endings = /\.\w+$/.test(source) ? '' : ' (.tsx, .ts, .jsx, .js or .py)';
  return `${from} imports "${source}", but there is no such file${endings}. Create it, or correct the path.`;
}

/** @param {string} source @param {string} from */
export function nextImport(source, from) {
  return `${from} imports "${source}", but this page is not served by Next.js. Use ${nextSubstitute(source)} instead.`;
}

/** @param {string} source @param {string} from @param {string} script */
export function ambiguousActions(source, from, script) {
  return `${from} imports "${source}", and both ${script} and a Python file with actions have that name. Remove ${script}, or write the ending in the import.`;
}

/** @param {string} name @param {string} file @param {string[]} known */
export function missingAction(name, file, known) {
  const has = known.length ? `It has: ${known.join(', ')}.` : 'It has no action yet.';
  return `${file} has no action "${name}". ${has} Mark the function with @action (continue_conversation becomes continueConversation).`;
}

/** @param {string} app @param {string} folder */
export function missingApp(app, folder) {
  return `flightwire({ app: '${app}' }): there is no folder ${folder}. The path is relative to the folder where Vite is started.`;
}

/** @param {string} app */
export function unreadApp(app) {
  return `Python has not said yet which actions ${app} has. Start its server once, or type: flightwire types ${app}`;
}

export function missingFlightClient() {
  return 'react-server-dom-webpack is not installed. Type: npm install react-server-dom-webpack';
}

/** @param {string} address @param {string} variable */
export function serverOfThisMachine(address, variable) {
  return `This build calls ${address}, which is the visitor's own machine. Set ${variable} when building, or the option "server".`;
}

/** @param {string} app */
export function unservableFolder(app) {
  return `the path ${app} contains "#" or "?", which mean something else in the address of a module. Rename the folder.`;
}

/** @param {string} page */
export function maxDurationNotLiteral(page) {
  return `${page}: "export const maxDuration" must be a number written out, such as 30; this one is ignored.`;
}

/** @param {string} page @param {string} what where in the metadata, as `metadata.title`. */
export function metadataNotLiteral(page, what) {
  return `${page}: "${what}" must be written out, because the server reads it without running the page; this part is ignored. What is computed goes into generate_metadata of a page.py or layout.py.`;
}

/** @param {string} page */
export function generatedMetadata(page) {
  return `${page}: "generateMetadata" needs a JavaScript server and is ignored. Write "export const metadata = {…}", or generate_metadata in a page.py or layout.py.`;
}

/** @param {string} file @param {string} problem */
export function brokenConfig(file, problem) {
  return `${file} cannot be loaded: ${problem}`;
}

/** @param {string} file */
export function scriptLayout(file) {
  return `${file} is not used: layouts are Python here. Write layout.py beside it: async def layout(children): return html.div(children)`;
}

/** @param {string} page @param {string} problem */
export function unreadablePage(page, problem) {
  return `${page} cannot be read: ${problem}`;
}

/** @param {string} source */
function packageName(source) {
  return source.split('/', source.startsWith('@') ? 2 : 1).join('/');
}

/** @param {string} source */
function nextSubstitute(source) {
  const substitutes = {
    'next/link': '<a href="…">',
    'next/image': '<img src="…">',
    'next/navigation': 'location and history',
    'next/router': 'location and history',
    'next/font/google': 'CSS @font-face',
    'next/font/local': 'CSS @font-face',
    'next/dynamic': "lazy() from 'react'",
    'next/script': '<script src="…">',
    'next/head': '<title> and <meta> (React moves them into the head)',
  };
  return substitutes[/** @type {keyof typeof substitutes} */ (source)] ?? 'what React and the browser have';
}
