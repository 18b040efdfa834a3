/**
 * What `dist/cli.js` is: it starts the program, `dist/program.js`, with the code that V8 made of it in an earlier start.
 * Parsing the program is most of what a start costs otherwise. The cache lies inside of the package, so that
 * nobody who could not alter the program can alter it; where the package is not writable, every start parses.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { Script } from 'node:vm';

/** Filled in by the build: a hash of `dist/program.js`. V8 itself compares the length of the source only. */
declare const WORKTRAIL_PROGRAM_HASH: string;

type Program = (
  exports: object,
  require: NodeJS.Require,
  module: object,
  file: string,
  folder: string,
) => void;

/** When most of what a server needs has run once; a command writes when it ends. */
const SERVER_HAS_STARTED_MS = 2_000;
const SHA256_BYTES = 32;

const file = path.join(__dirname, 'program.js');
const cacheFolder = path.join(__dirname, 'code-cache');
/** What each of these runs differs from what commands run, and only what has run is in a cache. */
const KINDS = ['serve', 'hook'];
const kind = KINDS.find((one) => one === process.argv[2]) ?? 'command';
// The tag stands for V8's version, its flags and the processor.
const cacheFile = path.join(cacheFolder, [WORKTRAIL_PROGRAM_HASH, kind, cachedDataVersionTag()].join('-'));

const cachedData = readCache();
const script = new Script(Module.wrap(readFileSync(file, 'latin1')), {
  filename: file,
  ...(cachedData && { cachedData }),
});
if (script.cachedDataRejected !== false) {
  let isWritten = false;
  const write = (): void => {
    if (isWritten) return;
    isWritten = true;
    writeCache(script.createCachedData());
  };
  setTimeout(write, SERVER_HAS_STARTED_MS).unref();
  process.once('exit', write);
}
const program = { exports: {} };
(script.runInThisContext() as Program)(program.exports, createRequire(file), program, file, __dirname);

function hashOf(data: Buffer): Buffer {
  return createHash('sha256').update(data).digest();
}

/** Undefined if there is none, or a torn one: V8 does not notice a flipped byte. */
function readCache(): Buffer | undefined {
  try {
    const content = readFileSync(cacheFile);
    const data = content.subarray(SHA256_BYTES);
    return hashOf(data).equals(content.subarray(0, SHA256_BYTES)) ? data : undefined;
  } catch {
    return undefined;
  }
}

/** In one step, and without the caches of other builds. Where it cannot be written, the next start parses again. */
function writeCache(data: Buffer): void {
  try {
    mkdirSync(cacheFolder, { recursive: true });
    for (const name of readdirSync(cacheFolder))
      if (!name.startsWith(WORKTRAIL_PROGRAM_HASH)) rmSync(path.join(cacheFolder, name), { force: true });
    const building = `${cacheFile}.${String(process.pid)}.tmp`;
    writeFileSync(building, Buffer.concat([hashOf(data), data]));
    renameSync(building, cacheFile);
  } catch {
    // Not writable, or full.
  }
}
