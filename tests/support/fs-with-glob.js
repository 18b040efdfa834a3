// `--import` it where a program names `fs.globSync`, which Node.js 20 does not have: nothing that we run calls it. Loaded
// again as the hook that it registers.
import fs from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const GLOB_SYNC = "() => { throw new Error('Node.js 20 has no fs.globSync'); }";
const SOURCE = `export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = ${GLOB_SYNC};`;
const url = `data:text/javascript,${encodeURIComponent(SOURCE)}`;

if (isMainThread && fs.globSync === undefined) register(import.meta.url);

export function resolve(specifier, context, next) {
  const isAsked = /^(?:node:)?fs$/.test(specifier) && context.parentURL !== url;
  return isAsked ? { url, shortCircuit: true } : next(specifier, context);
}
