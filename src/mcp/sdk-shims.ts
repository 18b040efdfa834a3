/**
 * Stands in for the SDK's platform shims in the bundle (see scripts/build.js). Theirs load a JSON Schema
 * compiler for validating elicited input, which this server never asks for; it is a third of the SDK's size
 * and would be paid at every start.
 */
import process from 'node:process';

export class DefaultJsonSchemaValidator {
  getValidator(): never {
    throw new Error('this server elicits nothing, so it carries no JSON Schema validator');
  }
}

export { process };
