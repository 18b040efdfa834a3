// How stdio puts lines together: up to the limit of one message, past it, in pieces, and many at once.
import { describe, expect, it } from 'vitest';
import { connect } from '../support/mcp-clients.ts';
import { ID, INVALID_REQUEST, METHOD_NOT_FOUND, startRawLines, toolError } from './raw-lines.ts';

const LIMIT_BYTES = 1024 * 1024;

const { project, server, answerTo, newLines, expectNothingChanged } = startRawLines();

describe('long lines', () => {
  const ofBytes = (bytes: number, idFirst = true): string => {
    const frame = (text: string): string => {
      const params = `"method":"tools/call","params":{"name":"create_work_item","arguments":{"item_type":"task","title":"x","description":"${text}"}}`;
      return idFirst ? `{"jsonrpc":"2.0","id":${ID},${params}}` : `{${params},"jsonrpc":"2.0","id":${ID}}`;
    };
    return frame('x'.repeat(bytes - frame('').length));
  };

  it.each([LIMIT_BYTES - 1, LIMIT_BYTES])('are read up to the limit: %i bytes', async (bytes) => {
    await expectNothingChanged(async () => {
      // The description is too long then, which only shows once the line was read.
      const error = toolError(await answerTo(ofBytes(bytes)));
      expect(error).toMatchObject({ details: { field: 'description' } });
    });
  });

  it.each<[bytes: number, idFirst: boolean]>([
    [LIMIT_BYTES + 1, true],
    [LIMIT_BYTES + 1, false],
    [10_000_000, true],
    [10_000_000, false],
  ])('are refused by their id past it: %i bytes, id first %s', async (bytes, idFirst) => {
    await expectNothingChanged(async () => {
      const answer = await answerTo(ofBytes(bytes, idFirst));
      expect(answer).toMatchObject({ id: ID, error: { code: INVALID_REQUEST } });
      expect(answer.error?.message).toContain(`${LIMIT_BYTES} bytes`);
    });
  });

  it('are refused without an id where none can be told', async () => {
    for (const line of ['x'.repeat(LIMIT_BYTES + 1), `{"params":{"id":1},"x":"${'x'.repeat(LIMIT_BYTES)}"`]) {
      expect(await answerTo(line)).toMatchObject({ id: null, error: { code: INVALID_REQUEST } });
    }
  });

  it('are refused at once for an official client, too', async () => {
    for (const generation of ['current', 'previous'] as const) {
      const client = await connect({ generation, transport: 'stdio', cwd: project() });
      const tooLong = { item_type: 'task', title: 'x', description: 'x'.repeat(LIMIT_BYTES) };
      await expect(client.callTool('create_work_item', tooLong)).rejects.toThrow(/longer than 1048576 bytes/);
      expect((await client.callTool('list_work_items')).isError).toBe(false);
      await client.close();
    }
  });
});

describe('pipelining', () => {
  it('answers a hundred requests sent without waiting, good and bad ones, each by its id', async () => {
    const before = server().lines.length;
    const ids = Array.from({ length: 100 }, (_, n) => ID + n);
    const lines = ids.map((id, n) => {
      const params = { name: 'list_work_items', arguments: { limit: n % 2 } };
      return JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: n % 4 === 3 ? 'no/such/method' : 'tools/call',
        params,
      });
    });
    server().program.child.stdin.write(`${lines.join('\n')}\n`);
    const answers = new Map((await newLines(before, 100)).map((answer) => [answer.id, answer]));
    expect([...answers.keys()].sort()).toEqual(ids);
    ids.forEach((id, n) => {
      if (n % 4 === 3) expect(answers.get(id)?.error?.code).toBe(METHOD_NOT_FOUND);
      else expect(answers.get(id)?.result?.['isError'] === true).toBe(n % 2 === 0);
    });
  });

  it('keeps the answers for a client that reads nothing for a while, without a word on stderr', async () => {
    const { child, stderr } = server().program;
    const before = server().lines.length;
    child.stdout.pause();
    const ids = Array.from({ length: 500 }, (_, n) => ID + n);
    for (const id of ids) server().send({ jsonrpc: '2.0', id, method: 'tools/list' });
    // Meanwhile the pipe runs full: 8 MB do not fit. Starting another server takes longer than writing them.
    const other = await connect({ generation: 'current', transport: 'stdio', cwd: project() });
    await other.close();
    child.stdout.resume();
    const answers = await newLines(before, ids.length);
    expect(answers.map(({ id }) => id).sort()).toEqual(ids);
    expect(stderr()).toBe('');
  });

  it('puts a message together that arrives byte by byte, and takes apart two that arrive as one', async () => {
    const { stdin } = server().program.child;
    const before = server().lines.length;
    const ping = (id: number): string => `{"jsonrpc":"2.0","id":${id},"method":"ping"}\n`;
    for (const byte of Buffer.from(ping(ID))) stdin.write(Buffer.from([byte]));
    await newLines(before, 1);
    stdin.write(ping(ID + 1) + ping(ID + 2));
    const answers = await newLines(before, 3);
    expect(answers.map(({ id }) => id).sort()).toEqual([ID, ID + 1, ID + 2]);
  });
});
