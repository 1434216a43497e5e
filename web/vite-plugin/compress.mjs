// Compressed forms of a build's files, made once, so that no request waits for a compressor.
// Owns: which files get one, and how hard they are pressed. Refuses to know: who is sent which (server/static.py).
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const PRESSED = /\.(?:m?js|css|json|map|svg|html?|txt|xml|wasm|ttf|otf|ico|webmanifest)$/i;
const MIN_BYTES = 1024;
const MAX_SHARE = 0.95; // a form that saves less is not worth its place
const FORMS = {
  '.br': (/** @type {Buffer} */ bytes) =>
    promisify(brotliCompress)(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  '.gz': (/** @type {Buffer} */ bytes) => promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }),
};

/** Writes `name.br` and `name.gz` beside each file that becomes smaller. @param {string} folder */
export async function compressFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter(entry => entry.isFile() && PRESSED.test(entry.name));
  await Promise.all(files.map(file => compressFile(join(file.parentPath, file.name))));
}

/** @param {string} path */
async function compressFile(path) {
  const bytes = await readFile(path);
  if (bytes.length < MIN_BYTES) return;
  await Promise.all(
    Object.entries(FORMS).map(async ([ending, press]) => {
      const form = await press(bytes);
      if (form.length <= bytes.length * MAX_SHARE) await writeFile(path + ending, form);
    }),
  );
}
