import type { Command } from 'commander';
import type { NamedDatabase, Settings } from '../../config/config.ts';
import { validationError } from '../../domain/errors.ts';
import type { Agreement, RecordedAgreement } from '../../config/agreements.ts';
import { canAsk, isConfirmed } from '../terminal/confirm.ts';
import { optionsOf, type GlobalOptions } from '../terminal/global-options.ts';
import { print, printJson, say } from '../terminal/output.ts';
import { count } from '../terminal/plain-text.ts';
import { renderTable } from '../terminal/table.ts';
import { readSettings } from '../terminal/with-app.ts';

interface TrustOptions {
  yes?: true;
  list?: true;
  revoke?: true;
  projectSlug?: string;
}

/** What is asked, and what is recorded after a yes. */
interface Question {
  agreement: Agreement;
  lines: string[];
}

/** `worktrail trust`: a person's word for what the project's own files propose. */
export function addTrustCommand(program: Command): Command {
  return program
    .command('trust')
    .description('agree to the database that worktrail.config.json names, or to join a project; asks first')
    .option('--project-slug <slug>', 'let this folder join the project of that name in the database')
    .option('--yes', 'agree without being asked')
    .option('--list', 'show what was agreed to on this machine')
    .option('--revoke', "take back what was agreed to for this project's folder")
    .addHelpText(
      'after',
      `
Whoever wrote worktrail.config.json chose the address in it. It is used after you agreed to it once: for this
folder, this project and this address, on this machine. An address that you give yourself (DATABASE_URL,
WORKTRAIL_DATABASE_URL, --database) needs no agreement. Nothing is connected to here.

Examples:
  worktrail trust
  worktrail trust --project-slug payments
  worktrail trust --list`,
    )
    .action(async (_options: unknown, command: Command) => {
      const options = optionsOf<TrustOptions>(command);
      if (options.list === true) await list(options);
      else if (options.revoke === true) await revoke(options);
      else await trust(options);
    });
}

async function trust(options: TrustOptions & GlobalOptions): Promise<void> {
  const settings = await readSettings(options);
  const { agree, isAgreed } = await import('../../config/agreements.ts');
  const { projectSlug } = options;
  const question =
    projectSlug === undefined ? await aboutDatabase(settings) : await aboutProject(settings, projectSlug);
  if (question === undefined) {
    tell(options, 'not_needed', null, nothingToAgree(settings));
    return;
  }
  const { agreement, lines } = question;
  if (isAgreed(agreement)) {
    tell(options, 'already', agreement, 'This was agreed to before; nothing was changed.');
    return;
  }
  for (const line of lines) say(line);
  if (options.yes !== true && !(await saysYes())) {
    tell(options, 'refused', agreement, 'Nothing was agreed to.');
    process.exitCode = 1;
    return;
  }
  agree(agreement);
  tell(options, 'agreed', agreement, 'Agreed. `worktrail trust --revoke` takes it back.');
}

async function aboutDatabase(settings: Settings): Promise<Question | undefined> {
  const { agreementFor } = await import('../../config/config.ts');
  const agreement = agreementFor(settings);
  const { database, projectDir, slug } = settings;
  if (agreement === undefined || database === undefined) return undefined;
  return {
    agreement,
    lines: [
      'The file worktrail.config.json of this project names a database that everything would be sent to.',
      `  project     ${projectDir}, called "${slug.value}" there`,
      ...(await addressLines(database)),
      '  sent there  what is tracked in this project: titles, descriptions, notes, names of people and programs,',
      '              branches and commits. Whoever runs that server can read and alter it, and AI clients read it.',
    ],
  };
}

async function addressLines({ complete, given }: NamedDatabase): Promise<string[]> {
  const { sslModeOf, withoutPassword } = await import('../../storage/primary/postgres-address.ts');
  const password =
    given.password !== undefined
      ? 'the one in worktrail.config.json'
      : complete.password !== undefined
        ? 'PGPASSWORD, because PGHOST and PGPORT name this server'
        : 'none; PGPASSWORD is given to the server that PGHOST names, and to no other';
  return [
    `  address     ${withoutPassword(complete)}`,
    ...complete.servers.map(
      (server) => `  connection  ${server.host}: ${PROTECTION[sslModeOf(complete, server)]}`,
    ),
    `  password    ${password}`,
  ];
}

const PROTECTION = {
  disable: 'not encrypted',
  allow: 'encrypted if the server offers it, its certificate not checked',
  prefer: 'encrypted if the server offers it, its certificate not checked',
  require: 'encrypted, its certificate not checked',
  'verify-ca': 'encrypted, its certificate checked',
  'verify-full': 'encrypted, its certificate and name checked',
} as const;

async function aboutProject(settings: Settings, projectSlug: string): Promise<Question> {
  const { database, projectDir, slug } = settings;
  const { settingSchemas } = await import('../../config/config-schema.ts');
  const problem = !settingSchemas().slug.safeParse(projectSlug).success
    ? 'must have 1 to 48 of a–z, 0–9, _ and -, the first a letter or digit'
    : database === undefined
      ? 'means something with PostgreSQL only, and no address of one is set here'
      : slug.explicit && projectSlug !== slug.value
        ? `must be the name that this folder goes by, which is "${slug.value}"; to join another project, set project.slug to its name`
        : undefined;
  if (problem !== undefined || database === undefined) {
    throw validationError(
      { field: '--project-slug', constraint: problem ?? '', value: projectSlug },
      'Correct it and run the command again. Nothing was changed.',
    );
  }
  const { joining } = await import('../../storage/opening/first-meeting.ts');
  const { formatPostgresUrl } = await import('../../storage/primary/postgres-address.ts');
  return {
    agreement: joining(projectDir, projectSlug, formatPostgresUrl(database.complete)),
    lines: [
      `This folder would join the project "${projectSlug}" of a database that others may use as well.`,
      `  project     ${projectDir}`,
      ...(await addressLines(database)),
      '  access      to everything that is tracked there, to read and to alter it.',
    ],
  };
}

function nothingToAgree({ database }: Settings): string {
  return database === undefined
    ? 'No address of PostgreSQL is set: the tracker is in the folder, and there is nothing to agree to.'
    : `The address comes from ${database.origin}, which is agreement enough.`;
}

/** @throws ValidationError where nobody could be asked */
async function saysYes(): Promise<boolean> {
  if (canAsk()) return await isConfirmed('Agree?');
  throw validationError(
    { field: 'terminal', constraint: 'is missing, and a person has to be asked', value: null },
    'Run `worktrail trust` at a terminal, or with --yes once a person has agreed. Nothing was changed.',
  );
}

async function list(options: GlobalOptions): Promise<void> {
  const { listAgreements } = await import('../../config/agreements.ts');
  const agreements = listAgreements();
  if (options.json === true) return printJson({ agreements });
  print(agreements.length === 0 ? 'Nothing was agreed to on this machine.' : renderAgreements(agreements));
}

async function revoke(options: GlobalOptions): Promise<void> {
  const { revokeAgreements } = await import('../../config/agreements.ts');
  const { projectDir } = await readSettings(options);
  const revoked = revokeAgreements(projectDir);
  if (options.json === true) return printJson({ revoked });
  if (revoked.length === 0) return print(`Nothing was agreed to for ${projectDir}.`);
  print(
    `${renderAgreements(revoked)}\n\nTook back ${count(revoked.length, 'agreement')}. Programs that run now notice when they are started again.`,
  );
}

function renderAgreements(agreements: readonly RecordedAgreement[]): string {
  return renderTable(agreements, [
    { title: 'FOLDER', value: ({ folder }) => folder },
    { title: 'AGREED TO', value: spoken },
    { title: 'SINCE (UTC)', value: ({ agreed_at }) => agreed_at.slice(0, 16).replace('T', ' ') },
  ]);
}

function spoken(agreement: Agreement): string {
  switch (agreement.kind) {
    case 'database':
      return `use ${agreement.address} as "${agreement.slug}"`;
    case 'project':
      return `join "${agreement.slug}" at ${agreement.place}`;
    case 'met':
      return `works with "${agreement.slug}" (${agreement.project_id})`;
  }
}

function tell(
  options: GlobalOptions,
  outcome: 'agreed' | 'already' | 'refused' | 'not_needed',
  agreement: Agreement | null,
  text: string,
): void {
  if (options.json === true) printJson({ outcome, agreement });
  else print(text);
}
