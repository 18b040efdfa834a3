/** The token that every request must carry where one is asked for. Only its hash is kept. */
import { createHash, timingSafeEqual } from 'node:crypto';

export type TokenCheck = (authorization: string | undefined) => boolean;

/** Every comparison takes as long as any other, whatever was sent. */
export function tokenCheck(token: string): TokenCheck {
  const expected = hashOf(token);
  return (authorization) => {
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return timingSafeEqual(hashOf(given ?? ''), expected) && given !== undefined;
  };
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
