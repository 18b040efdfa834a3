// What a refused call told its caller.
import { expect } from 'vitest';
import { TrackerError, type ErrorBody, type ErrorCode, type Problem } from '../../src/domain/errors.ts';

/** The wire form of the error that `attempt` ends in; anything but a `TrackerError` fails the test. */
export async function refusalOf(attempt: Promise<unknown> | (() => unknown)): Promise<ErrorBody> {
  try {
    await (typeof attempt === 'function' ? attempt() : attempt);
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    const body = error.toBody();
    expect(body.message, 'an error says what is wrong').not.toBe('');
    expect(body.next, 'an error says what to do').not.toBe('');
    expect(`${body.message} ${body.next}`, 'no error proposes force').not.toMatch(/force/i);
    return body;
  }
  throw new Error('The call was expected to be refused, and was not.');
}

/** The problems of a call that must be refused as a ValidationError. */
export async function problemsOf(attempt: Promise<unknown> | (() => unknown)): Promise<Problem[]> {
  const { error, details } = await refusalOf(attempt);
  expect(error).toBe('ValidationError');
  const problems = details['problems'] as Problem[];
  expect(details, 'the first problem stands at the top').toMatchObject(problems[0] as object);
  return problems;
}

/** The fields that a call was refused for, in the order in which they are told. */
export async function refusedFields(attempt: Promise<unknown> | (() => unknown)): Promise<string[]> {
  return (await problemsOf(attempt)).map(({ field }) => field);
}

/** How a call ended, for races of which some may be refused: the answer, or the code of the refusal. */
export async function outcomeOf<T>(attempt: Promise<T>): Promise<{ answer: T } | { refused: ErrorCode }> {
  try {
    return { answer: await attempt };
  } catch (error) {
    if (!(error instanceof TrackerError)) throw error;
    return { refused: error.code };
  }
}
