/** What the two imports that clients may ask for take: a hand-kept status file, and session prompts. */
import * as z from 'zod';
import { askedText } from './fields.ts';

export const importStatusFileInput = z.object({
  path: askedText().optional(),
  namespace: askedText().optional(),
  dry_run: z.boolean().default(true),
  add_from_git: z.boolean().default(false),
});
export type ImportStatusFileInput = z.output<typeof importStatusFileInput>;

export const importSessionPromptsInput = z.object({
  path: askedText().optional(),
  namespace: askedText().optional(),
  dry_run: z.boolean().default(true),
});
export type ImportSessionPromptsInput = z.output<typeof importSessionPromptsInput>;
