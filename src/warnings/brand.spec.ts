import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { BadBrand, readBrand } from './brand.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'plafond-brand-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function read(text: string) {
  const path = join(folder, 'brand.json');
  writeFileSync(path, text);
  return readBrand(path, 'Plafond <plafond@localhost>');
}

describe('brand.json', () => {
  it('need not be there', () => {
    const brand = readBrand(join(folder, 'none.json'), 'Plafond <plafond@localhost>');
    expect(brand).toMatchObject({ name: '', sender: 'Plafond <plafond@localhost>', phone: '', colour: '#005a9c' });
    expect(brand.quietHours.size).toBe(0);
  });

  it('names the provider, how it looks, and when phones stay silent', () => {
    const brand = read(
      JSON.stringify({
        name: 'Voorbeeld Telecom',
        colour: '#7a1fa2',
        sender: 'Voorbeeld <limiet@voorbeeld.example>',
        reply_to: 'help@voorbeeld.example',
        phone: '0800 1234',
        quiet_hours: { default: '22:00-08:00', hospital: null },
      }),
    );
    expect(brand).toMatchObject({ name: 'Voorbeeld Telecom', logoText: 'Voorbeeld Telecom', phone: '0800 1234' });
    expect(brand.quietHours.get('default')).toEqual({ from: 1_320, until: 480 });
    expect(brand.quietHours.get('hospital')).toBeUndefined();
    expect(brand.quietHours.has('hospital')).toBe(true);
  });

  it.each([
    ['{', 'is not JSON'],
    ['{"colour":"red"}', 'colour must be like #005a9c'],
    ['{"sender":"nobody"}', 'sender must be an address'],
    ['{"quiet_hours":{"default":"22-8"}}', 'quiet_hours.default must be like "22:00-08:00"'],
    ['{"logo":"x"}', 'Unrecognized key'],
    ['{"name":"a\\nb"}', 'name must be one line'],
  ])('that says %s is refused by file and field', (text, reason) => {
    expect(() => read(text)).toThrow(BadBrand);
    expect(() => read(text)).toThrow(join(folder, 'brand.json'));
    expect(() => read(text)).toThrow(reason);
  });
});
