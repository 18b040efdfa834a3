// Full-text search on both databases: what is found, in which order, and that the index is what the records say.
import { expect, it } from 'vitest';
import { describeEveryBackend } from './backends.ts';
