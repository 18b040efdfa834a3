/** Every prompt, in the order in which clients see them. */
import type { Prompt } from './definitions/define-prompt.ts';
import { closeSessionPrompt } from './prompts/close-session.ts';
import { handOverPrompt } from './prompts/hand-over.ts';
import { startSessionPrompt } from './prompts/start-session.ts';
import { triagePrompt } from './prompts/triage.ts';

export const PROMPTS: readonly Prompt[] = [
  startSessionPrompt,
  handOverPrompt,
  triagePrompt,
  closeSessionPrompt,
];
