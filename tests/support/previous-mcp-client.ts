// The client of the previous SDK generation (@modelcontextprotocol/sdk 1.x).
import type { Tool } from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { ClientAdapter, Target } from './mcp-clients.ts';

export function previousClient(target: Target, name: string): ClientAdapter {
  const client = new Client({ name, version: '1.0.0' });
  const transport = previousTransport(target);
  return {
    // The SDK's own transports miss its interface only under exactOptionalPropertyTypes.
    connect: () => client.connect(transport as Transport),
    call: (tool, args, onprogress) =>
      client.callTool({ name: tool, arguments: args }, undefined, onprogress && { onprogress }),
    list: () => allTools(client),
    about: () => ({ server: client.getServerVersion(), instructions: client.getInstructions() }),
    close: async () => {
      if (transport instanceof StreamableHTTPClientTransport) {
        await transport.terminateSession().catch(() => undefined); // the server may be gone already
      }
      await client.close();
    },
    pid: () => (transport instanceof StdioClientTransport ? (transport.pid ?? undefined) : undefined),
  };
}

type PreviousTransport = StdioClientTransport | StreamableHTTPClientTransport | SSEClientTransport;

function previousTransport(target: Target): PreviousTransport {
  if (target.transport === 'stdio') {
    const transport = new StdioClientTransport(target.parameters);
    transport.stderr?.on('data', target.onStderr);
    return transport;
  }
  const options = { requestInit: { headers: target.headers } };
  return target.transport === 'http'
    ? new StreamableHTTPClientTransport(target.endpoint, options)
    : new SSEClientTransport(target.endpoint, options);
}

/** This generation does not follow the cursor by itself, and keeps validators of the last page only. */
async function allTools(client: Client): Promise<Tool[]> {
  const tools: Tool[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    tools.push(...(page.tools as Tool[])); // the same wire shape, typed by another package
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return tools;
}
