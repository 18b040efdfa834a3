import { expect, it } from 'vitest';
import { addressMark } from '../../../src/storage/tiers/address-mark.ts';

it('marks every form of an address, the servers apart from the rest', () => {
  const urls = [
    'postgres://ann@one.example/shop',
    'postgres://ann:secret@one.example/shop',
    'postgres://ann@one.example:5433,two.example:5434/shop',
    'postgres://ann@%2Fvar%2Frun%2Fpostgresql/shop',
    'postgres://ann@[fe80::1%25eth0]/shop',
  ];
  const marks = urls.map((url) => addressMark(url, 'a folder'));
  expect(new Set(marks.map(({ address }) => address)).size).toBe(urls.length);
  expect(marks[1]?.host).toBe(marks[0]?.host);
  expect(new Set(marks.map(({ host }) => host)).size).toBe(urls.length - 1);
  expect(addressMark(urls[0] ?? '', 'another folder')).not.toEqual(marks[0]);
});
