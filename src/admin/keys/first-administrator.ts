import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { CONFIG, type Config } from '../../config.ts';
import { KeyRing } from './key-ring.ts';

/** Sees to it that somebody can get in: makes an administrator's key at the first start and prints it, once. */
@Injectable()
export class FirstAdministrator implements OnApplicationBootstrap {
  readonly #keys: KeyRing;
  readonly #config: Config;

  constructor(keys: KeyRing, @Inject(CONFIG) config: Config) {
    this.#keys = keys;
    this.#config = config;
  }

  async onApplicationBootstrap(): Promise<void> {
    if (!this.#config.roles.includes('api')) return;
    const key = await this.#keys.makeFirstAdministrator();
    // Not through the log, which may be kept where more people read than should have this key.
    if (key) process.stdout.write(`\nThe first administrator's key, shown only this once: ${key}\n\n`);
  }
}
