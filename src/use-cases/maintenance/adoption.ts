/** Writes without this machine's seal, told so that a person can decide, and taken over when they did. */
import type { Config } from '../../config/config.ts';
import { partsOf } from '../../domain/batch.ts';
import { makerOf, type Maker } from '../../domain/worker.ts';
import {
  adoptWrites,
  findUnsealed,
  isOfThisProject,
  readPlace,
} from '../../storage/maintenance/adopt-writes.ts';
import type { JournalEntry, JournalName } from '../../storage/contract/journal.ts';
import { unsealedByPlace, type UnsealedReport } from '../../storage/contract/unsealed.ts';

/** What one write would change. All of it is what its maker says, whoever that was. */
export interface ToldWrite {
  id: string;
  at: string;
  device: string;
  changes: (Maker & { kind: string; entity: string; entity_id: string; patch: unknown })[];
}

export interface Adoption {
  place: string;
  /** Of this project, in the order in which they would be applied. */
  writes: ToldWrite[];
  /** Of other projects: they are never taken over here. */
  of_other_projects: number;
  /** Where they wait now; null when they were not taken over. */
  kept_in: JournalName[] | null;
}

/** The files and refs with writes that can be taken over. */
export async function listUnsealed(config: Config): Promise<UnsealedReport[]> {
  return unsealedByPlace(await findUnsealed(config));
}

/**
 * @param confirm asked once it is known what would be taken over
 * @throws ValidationError when the place holds no writes
 */
export async function adopt(
  config: Config,
  place: string,
  confirm: (adoption: Adoption) => Promise<boolean>,
): Promise<Adoption> {
  const entries = await readPlace(config, place);
  const own = entries.filter((entry) => isOfThisProject(config, entry));
  const adoption: Adoption = {
    place,
    writes: own.map(told),
    of_other_projects: entries.length - own.length,
    kept_in: null,
  };
  if (own.length === 0 || !(await confirm(adoption))) return adoption;
  return { ...adoption, kept_in: await adoptWrites(config, own) };
}

function told({ id, at, device, changes }: JournalEntry): ToldWrite {
  return {
    id,
    at,
    device,
    changes: changes.flatMap(partsOf).map(({ kind, entity, entity_id, patch, ...change }) => ({
      ...{ kind, entity, entity_id },
      ...makerOf(change),
      patch,
    })),
  };
}
