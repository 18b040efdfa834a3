/**
 * The floor for a server on this SDK: the same entry points and one tool whose result has the size that the
 * environment asks for (EMPTY_TEXT and EMPTY_STRUCTURED, in bytes), made once.
 */
import { Server } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const result = {
  content: [{ type: 'text' as const, text: 'x'.repeat(Number(process.env['EMPTY_TEXT'] ?? 10)) }],
  structuredContent: { filler: 'x'.repeat(Number(process.env['EMPTY_STRUCTURED'] ?? 10)) },
};

serveStdio(() => {
  const server = new Server({ name: 'empty', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.setRequestHandler('tools/list', () => ({
    tools: [{ name: 'empty', inputSchema: { type: 'object' as const } }],
  }));
  server.setRequestHandler('tools/call', () => result);
  return server;
});
