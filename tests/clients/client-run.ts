// One client over one transport: set up as a user does it, without anything of this machine, and played with.
import { appendFileSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { builtProgram } from '../support/child-program.ts';
import type { CodingClient } from './coding-clients.ts';
import { Conversation, type Exchange } from './conversation.ts';
import type { OfferedTool } from './dialects/dialect.ts';
import { run, start, type Ended, type Place } from './processes.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';
import { startScriptedModel } from './scripted-model.ts';
import { LONG_DESCRIPTION, LONG_TITLE } from './tracker.ts';
import { protocolOverStdio, startProxy, writeProgram, type Proxy } from './wire.ts';

export type Transport = 'stdio' | 'http';

/** Where the parts of all runs are. */
export interface Stage {
  /** A project with the tracker that each run gets a copy of. */
  template: string;
  runs: string;
  /** The folders of the programs of each package, by the folder of the package. */
  bins: ReadonlyMap<string, string>;
}

export interface Played {
  exchanges: readonly Exchange[];
  /** `done`, or why the model could not go on. */
  outcome: string;
  tools: readonly OfferedTool[];
}

export interface ClientRun {
  client: CodingClient;
  transport: Transport;
  protocol: string | undefined;
  session: Played;
  handover: Played;
  /** Whether all that the long description held at the start is still there. */
  isDescriptionWhole: boolean;
}

const CLIENT_TIMEOUT_MS = 240_000;
const COMMAND_TIMEOUT_MS = 60_000;

/** @throws where the client cannot be set up */
export async function playWith(client: CodingClient, transport: Transport, stage: Stage): Promise<ClientRun> {
  const folder = path.join(stage.runs, `${client.name}-${transport}`);
  const place = makePlace(folder, client, stage);
  await command(['init', client.init, '--yes'], place);
  const proxy = transport === 'http' ? await serveOverHttp(client, place) : undefined;
  try {
    const [session, handover] = await playAll(client, place, folder);
    return {
      ...{ client, transport, session, handover },
      protocol: proxy === undefined ? protocolOverStdio(folder) : proxy.protocol(),
      isDescriptionWhole: (await storedDescription(place)).includes(LONG_DESCRIPTION),
    };
  } finally {
    proxy?.close();
  }
}

/** A home without credentials, a copy of the tracker, and a path that leads to our program and the system's. */
function makePlace(
  folder: string,
  { package: { folder: name }, needsNewerNode }: CodingClient,
  stage: Stage,
): Place {
  rmSync(folder, { recursive: true, force: true });
  const [home, project, bin, temporary] = ['home', 'project', 'bin', 'tmp'].map((one) => path.join(folder, one)) as [string, string, string, string]; // prettier-ignore
  for (const one of [home, bin, temporary]) mkdirSync(one, { recursive: true });
  cpSync(stage.template, project, { recursive: true });
  writeProgram(bin, folder);
  const newer = needsNewerNode === true ? [stage.bins.get('node22') ?? ''] : [];
  const programs = [...newer, path.dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'];
  const PATH = [bin, stage.bins.get(name) ?? '', ...programs].join(path.delimiter);
  return { cwd: project, env: { HOME: home, PATH, TMPDIR: temporary, TERM: 'dumb' } };
}

async function serveOverHttp(client: CodingClient, place: Place): Promise<Proxy> {
  const args = [builtProgram, 'serve', '--http', '--port', '0'];
  const server = start(process.execPath, args, place);
  server.stdout?.resume();
  const url = await new Promise<string>((resolve, reject) => {
    server.once('exit', () => reject(new Error('worktrail serve --http ended')));
    if (server.stderr === null) return;
    createInterface({ input: server.stderr }).on('line', (line) => {
      const [, found] = /listening on (http:\/\/\S+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found.replace(/\/$/, ''));
    });
  });
  const proxy = await startProxy(url);
  const { file, content } = client.overHttp(`${proxy.url}/mcp`);
  writeFileSync(path.join(place.cwd, file), content);
  return { ...proxy, close: () => (proxy.close(), void server.kill('SIGTERM')) };
}

async function playAll(client: CodingClient, place: Place, folder: string): Promise<[Played, Played]> {
  const played: Played[] = [];
  for (const scenario of SCENARIOS) played.push(await play(client, scenario, place, folder));
  return played as [Played, Played];
}

async function play(client: CodingClient, scenario: Scenario, place: Place, folder: string): Promise<Played> {
  const conversation = new Conversation(scenario.script(), scenario.tools);
  const log = path.join(folder, `${scenario.name}.jsonl`);
  const model = await startScriptedModel(conversation, (url, request) =>
    appendFileSync(log, `${JSON.stringify({ url, request })}\n`),
  );
  try {
    const about = { project: place.cwd, model: model.url };
    for (const [name, content] of Object.entries(client.home(about))) {
      const file = path.join(place.env['HOME'] ?? '', name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
    const env = { ...place.env, ...client.env?.(about) };
    const ended = await run(client.program, client.args, { ...place, env }, CLIENT_TIMEOUT_MS);
    writeFileSync(path.join(folder, `${scenario.name}.out`), `${ended.stdout}\n--- stderr\n${ended.stderr}`);
    const { exchanges, firstTools = [] } = conversation;
    return { exchanges, tools: firstTools, outcome: outcomeOf(conversation, ended) };
  } finally {
    await model.close();
  }
}

function outcomeOf({ outcome, exchanges }: Conversation, { code, isLate, stdout, stderr }: Ended): string {
  if (outcome !== undefined && outcome !== 'done') return outcome;
  const said = (stderr.trim() || stdout.trim()).split('\n').at(-1)?.slice(0, 300) ?? '';
  if (isLate) return `it did not end in ${CLIENT_TIMEOUT_MS / 1000} s: ${said}`;
  if (exchanges.length === 0) return `the model was offered no tool of the tracker: ${said}`;
  if (outcome === undefined) return `it ended after ${exchanges.at(-1)?.label ?? 'nothing'}: ${said}`;
  return code === 0 ? 'done' : `it ended with ${code}: ${said}`;
}

async function storedDescription(place: Place): Promise<string> {
  const list = JSON.parse(await command(['list', '--text', LONG_TITLE, '--json'], place)) as {
    items: { id: string }[];
  };
  const shown = await command(['show', list.items[0]?.id ?? '', '--json'], place);
  return (JSON.parse(shown) as { description?: string }).description ?? '';
}

/** A command of the product, as its user gives it. @returns what it printed */
async function command(args: readonly string[], place: Place): Promise<string> {
  const { code, stdout, stderr } = await run('worktrail', args, place, COMMAND_TIMEOUT_MS);
  if (code !== 0) throw new Error(`worktrail ${args.join(' ')} ended with ${code}: ${stderr.trim()}`);
  return stdout;
}
