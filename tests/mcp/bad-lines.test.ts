// Lines that no official client sends: each request is answered with an error of the protocol, nothing is
// changed, and the next line is served.
import { describe, expect, it } from 'vitest';
import type { Row } from './calls.ts';
import {
  ID,
  INVALID_PARAMS,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  PARSE_ERROR,
  createLine,
  startRawLines,
  toolError,
} from './raw-lines.ts';

const { server, answerTo, expectNothingChanged } = startRawLines();

describe('a line that is no message', () => {
  it.each<[what: string, line: string, code: number]>([
    ['words', 'hello', PARSE_ERROR],
    ['half a message', '{"jsonrpc":"2.0","id":1,', PARSE_ERROR],
    ['an HTTP request', 'POST /mcp HTTP/1.1', PARSE_ERROR],
    ['NaN', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}', PARSE_ERROR],
    ['a line break inside of text', '"one', PARSE_ERROR],
    ['an empty object', '{}', INVALID_REQUEST],
    ['an empty array', '[]', INVALID_REQUEST],
    ['null', 'null', INVALID_REQUEST],
    ['a number', '1', INVALID_REQUEST],
    ['text', '"ping"', INVALID_REQUEST],
    [
      'a batch',
      '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]',
      INVALID_REQUEST,
    ],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}', INVALID_REQUEST],
    ['an id that is null', '{"jsonrpc":"2.0","id":null,"method":"ping"}', INVALID_REQUEST],
    ['100,000 levels', '['.repeat(100_000) + ']'.repeat(100_000), INVALID_REQUEST],
  ])('is refused without an id: %s', async (_what, line, code) => {
    await expectNothingChanged(async () => {
      expect(await answerTo(line)).toMatchObject({ id: null, error: { code } });
    });
  });

  it.each<[what: string, members: string]>([
    ['another version of JSON-RPC', '"jsonrpc":"1.0","method":"ping"'],
    ['no version', '"method":"ping"'],
    ['no method', '"jsonrpc":"2.0"'],
    ['a method that is a number', '"jsonrpc":"2.0","method":7'],
    ['parameters in an array', '"jsonrpc":"2.0","method":"ping","params":[1]'],
    ['parameters that are text', '"jsonrpc":"2.0","method":"ping","params":"x"'],
    ['both method and result', '"jsonrpc":"2.0","method":"ping","result":{}'],
    ['a member that does not exist', '"jsonrpc":"2.0","method":"ping","verbose":true'],
    ['_meta that is a number', '"jsonrpc":"2.0","method":"ping","params":{"_meta":7}'],
  ])('is refused with its id: %s', async (_what, members) => {
    const answer = await answerTo(`{"id":${ID},${members}}`);
    expect(answer).toMatchObject({ id: ID, error: { code: INVALID_REQUEST } });
  });

  it('is refused when it is not UTF-8, instead of storing something else', async () => {
    const [head = '', tail = ''] = createLine('"description":"a@b"').split('@');
    await expectNothingChanged(async () => {
      for (const bytes of [
        [0xff],
        [0xc3, 0x28],
        [0xed, 0xa0, 0x80],
        [0xc0, 0x80],
        [0xf8, 0x88, 0x80, 0x80, 0x80],
      ]) {
        const line = Buffer.concat([Buffer.from(head), Buffer.from(bytes), Buffer.from(tail)]);
        expect(await answerTo(line)).toMatchObject({ id: null, error: { code: PARSE_ERROR } });
      }
    });
  });

  it('is passed over when it is blank, a notification, or an answer to nothing', async () => {
    const before = server().lines.length;
    const lines = ['', '  \t ', '\r'];
    lines.push(
      '{"jsonrpc":"2.0","method":"notifications/unheard_of"}',
      '{"jsonrpc":"2.0","method":"notifications/cancelled"}',
    );
    lines.push(
      '{"jsonrpc":"2.0","id":5,"result":{}}',
      '{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"x"}}',
    );
    for (const line of lines) server().send(line);
    await server().request('ping');
    expect(server().lines).toHaveLength(before + 1);
  });

  it('is read with a byte order mark, Windows line ends, and an id of text', async () => {
    expect(await answerTo(`\ufeff{"jsonrpc":"2.0","id":${ID},"method":"ping"}\r`)).toMatchObject({
      id: ID,
      result: {},
    });
    expect(await answerTo('{"jsonrpc":"2.0","id":"seven","method":"ping"}')).toMatchObject({
      id: 'seven',
      result: {},
    });
  });
});

describe('a request for what does not exist', () => {
  it.each(['no/such/method', '', '__proto__', 'constructor', 'tools/call/', 'TOOLS/LIST'])(
    'is refused: method %j',
    async (method) => {
      const answer = await answerTo(JSON.stringify({ jsonrpc: '2.0', id: ID, method }));
      expect(answer).toMatchObject({ id: ID, error: { code: METHOD_NOT_FOUND } });
    },
  );

  it.each(['__proto__', 'constructor', 'toString', '', 'Create_Work_Item', 'x'.repeat(100_000)])(
    'is answered with the nearest tool: %.20j',
    async (name) => {
      const answer = await answerTo(
        JSON.stringify({ jsonrpc: '2.0', id: ID, method: 'tools/call', params: { name } }),
      );
      const error = toolError(answer);
      expect(error).toMatchObject({ error: 'ValidationError', details: { field: 'name' } });
      expect(JSON.stringify(error).length).toBeLessThan(2_000);
    },
  );

  it.each([
    '{}',
    '{"name":7}',
    '{"name":"list_work_items","arguments":[]}',
    '{"name":"list_work_items","arguments":"{}"}',
    '{"name":"list_work_items","arguments":null}',
  ])('is refused when tools/call has the parameters %s', async (params) => {
    const answer = await answerTo(`{"jsonrpc":"2.0","id":${ID},"method":"tools/call","params":${params}}`);
    expect(answer).toMatchObject({ id: ID, error: { code: INVALID_PARAMS } });
  });
});

describe('deep and polluting arguments', () => {
  it.each<[what: string, line: string, field: RegExp]>([
    [
      'arguments 10,000 levels deep',
      createLine(`"metadata":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
      /^metadata(\.a){63}$/,
    ],
    [
      'an unknown argument 10,000 levels deep',
      createLine(`"deep":${'['.repeat(10_000)}${']'.repeat(10_000)}`),
      /^deep(\[0\]){63}$/,
    ],
    ['a key __proto__', createLine('"metadata":{"__proto__":{"polluted":true}}'), /^metadata\.__proto__$/],
    [
      'a nested key __proto__',
      createLine('"metadata":{"a":[{"__proto__":null}]}'),
      /^metadata\.a\[0\]\.__proto__$/,
    ],
    ['an argument constructor', createLine('"constructor":{"prototype":{"polluted":true}}'), /^constructor$/],
    ['a number past all numbers', createLine('"priority":1e400'), /^priority$/],
    ['NUL as an escape', createLine('"description":"\\u0000"'), /^description$/],
    ['half of a surrogate pair as an escape', createLine('"description":"\\ud83d"'), /^description$/],
  ])('are refused: %s', async (_what, line, field) => {
    await expectNothingChanged(async () => {
      const error = toolError(await answerTo(line));
      expect(error).toMatchObject({
        error: 'ValidationError',
        details: { field: expect.stringMatching(field) as string },
      });
    });
    expect(({} as Row)['polluted']).toBeUndefined();
  });

  it('do no harm as an argument __proto__, which the protocol library drops', async () => {
    const { result } = await answerTo(createLine('"__proto__":{"priority":1}'));
    expect(result).toMatchObject({ structuredContent: { priority: 3 } });
  });
});
