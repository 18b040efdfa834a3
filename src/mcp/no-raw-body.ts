/**
 * Stands in for `raw-body` in the bundle (see scripts/build.js). The old SSE transport reads bodies with it,
 * ours are read and bounded before they reach the transport; with it would come 500 KB of character sets.
 */
export default function neverCalled(): never {
  throw new Error('bodies are read by src/http/server.ts');
}
