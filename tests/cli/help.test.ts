import { beforeAll, describe, expect, it } from 'vitest';
import { JOB_KINDS, JOB_STATES } from '../../src/domain/job.ts';
import { ENTITIES } from '../../src/domain/change.ts';
import { TOOLSETS } from '../../src/domain/toolsets.ts';
import { ITEM_STATUSES, ITEM_TYPES, LIST_SORTS } from '../../src/domain/work-item.ts';
import { buildProgram } from '../../src/cli/program.ts';
import { type CommandLine, commandLine } from './command-line.ts';

const COMMANDS = buildProgram().commands.map((command) => command.name());

describe('help', () => {
  let worktrail: CommandLine;
  beforeAll(async () => {
    worktrail = await commandLine();
  });

  it('has all commands', () => {
    expect(COMMANDS).toEqual(
      [
        'init serve status brief list show create update ready claim note search plan history undo conflicts',
        'archive enhancement import jobs export load backup restore doctor recover migrate config trust hook',
      ]
        .join(' ')
        .split(' '),
    );
  });

  it.each(COMMANDS)('of %s has an example and the options that every command has', async (name) => {
    const help = await worktrail.text(name, '--help');
    expect(help).toContain(`\n  worktrail ${name}`);
    for (const option of ['--project', '--database', '--json', '--version', '--help']) {
      expect(help).toContain(option);
    }
  });

  it('names every value that an option takes', async () => {
    const words = async (name: string) => (await worktrail.text(name, '--help')).split(/[\s,;()]+/);
    expect(await words('list')).toEqual(
      expect.arrayContaining([...ITEM_TYPES, ...ITEM_STATUSES, ...LIST_SORTS]),
    );
    expect(await words('ready')).toEqual(expect.arrayContaining([...ITEM_TYPES]));
    expect(await words('claim')).toEqual(expect.arrayContaining([...ITEM_TYPES]));
    expect(await words('create')).toEqual(expect.arrayContaining([...ITEM_TYPES, ...ITEM_STATUSES]));
    expect(await words('update')).toEqual(expect.arrayContaining([...ITEM_STATUSES]));
    expect(await words('history')).toEqual(expect.arrayContaining([...ENTITIES]));
    expect(await words('jobs')).toEqual(expect.arrayContaining([...JOB_KINDS, ...JOB_STATES]));
    expect(await words('serve')).toEqual(expect.arrayContaining([...TOOLSETS]));
  });

  it('is printed, with an example, by the program itself', async () => {
    const help = await worktrail.text('--help');
    expect(help).toContain('Examples:\n  worktrail list');
    for (const name of COMMANDS) expect(help).toContain(`\n  ${name} `);
  });

  it('tells the version before and after a command', async () => {
    expect(await worktrail.text('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await worktrail.text('list', '--version')).toBe(await worktrail.text('--version'));
  });
});

describe('wrong usage', () => {
  it.each([
    [[], 'name a command'],
    [['lst'], 'Did you mean list?'],
    [['list', '--statsu', 'active'], 'Did you mean --status?'],
    [['show'], "missing required argument 'id'"],
    [['show', 'a', 'b'], 'too many arguments'],
    [['list', '--limit'], 'argument missing'],
  ])('%j ends with 2 and says what is wrong', async (args, said) => {
    const worktrail = await commandLine();
    const { code, stdout, stderr } = await worktrail.run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(said);
    const machine = await worktrail.run(['--json', ...args]);
    expect(machine.code).toBe(2);
    expect(JSON.parse(machine.stdout)).toMatchObject({
      error: 'ValidationError',
      message: expect.stringContaining(said) as string,
    });
  });
});
