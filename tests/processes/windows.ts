// Two people with two windows of one client each, as four real servers.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PATIENT_DATABASE } from '../support/patient-database.ts';
import { git, temporaryProject } from '../support/temporary-project.ts';
import { Server } from './server.ts';

export const WINDOWS = [
  ['Ana', 'aaaaaaaa-0000-4000-8000-000000000001'],
  ['Ana', 'aaaaaaab-0000-4000-8000-000000000002'],
  ['Ben', 'bbbbbbbb-0000-4000-8000-000000000001'],
  ['Ben', 'bbbbbbbc-0000-4000-8000-000000000002'],
] as const;
export type Four<T> = [T, T, T, T];

/** @param placeOf the folder and arguments of a person */
export async function openWindows(
  placeOf: (person: string) => { project: string; args: readonly string[] },
): Promise<Four<Server>> {
  const open = ([person, session]: (typeof WINDOWS)[number]) =>
    Server.start(placeOf(person) as never, {
      clientName: 'claude-code',
      env: { WORKTRAIL_ACTOR: person, CLAUDE_CODE_SESSION_ID: session },
    });
  const [first, ...others] = WINDOWS;
  const founder = await open(first);
  // The project is made by one: of two folders that do so in the same moment, a process may be told of the other's first.
  await founder.answer('get_project_configuration');
  return [founder, ...(await Promise.all(others.map(open)))] as Four<Server>;
}

/** A second clone of the project, on the same database. */
export async function joined({ project }: { project: string }): Promise<string> {
  const clone = await temporaryProject();
  await git(clone, 'init', '--quiet');
  await git(clone, 'pull', '--quiet', project);
  await nameProject(clone);
  return clone;
}

/** Folders of one name are of one project. */
export async function nameProject(folder: string): Promise<void> {
  const settings = { project: { slug: 'test-project' }, database: PATIENT_DATABASE };
  await writeFile(path.join(folder, 'worktrail.config.json'), JSON.stringify(settings));
}
