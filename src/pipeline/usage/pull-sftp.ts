import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { CONFIG, secretFromEnvironment, type Config } from '../../config.ts';
import { inTransaction } from '../../database/transaction.ts';
import { clearAllBut, settleAlarm } from '../../feeds/alarms.ts';
import type { SftpSource } from '../../feeds/feed.ts';
import { definitionOfFeed, pulledFeeds } from '../../feeds/feed-store.ts';
import { isDefinitionFile } from '../../feeds/sources/definition-file.ts';
import { keepLook, keepTaken, type Look } from '../../feeds/sources/pulled-files.ts';
import { isPlainName, SftpFolder, SilentServer, type RemoteFile, type SftpLogin } from '../../feeds/sources/sftp.ts';
import { SystemClock } from '../../kernel/clock.ts';
import { messageOf, Refusal } from '../../kernel/refusal.ts';

/** A file that looks the same after this long is complete; looks are a minute apart on schedule. */
const STANDS_STILL_MS = 2_000;
const TOLD_MAX = 5;

/** Brings files from peers' servers into the drop folder, where they are imported like any other. */
@Injectable()
export class PullSftp {
  readonly #log = new Logger('sftp');
  readonly #dataSource: DataSource;
  readonly #config: Config;
  /** Files bear the machines' time, whatever the clock that drives Plafond. */
  readonly #clock = new SystemClock();

  constructor(dataSource: DataSource, @Inject(CONFIG) config: Config) {
    this.#dataSource = dataSource;
    this.#config = config;
  }

  /** The feeds that are pulled. What was told of others that were is over. */
  async feeds(): Promise<string[]> {
    const at = this.#clock.now();
    const { feeds, told } = await inTransaction(this.#dataSource, async ({ client }) => {
      const feeds = (await pulledFeeds(client)).map(({ name }) => name);
      return { feeds, told: await clearAllBut(client, ['pull-fails'], feeds, 'it is not pulled any more', at) };
    });
    for (const each of told) this.#log.warn(each);
    return feeds;
  }

  /** Pulls a feed, and has operators told once of what goes wrong with that, however often it is tried, and once that it is over. */
  async run(feed: string): Promise<void> {
    const wrong = await this.pull(feed).catch((error: unknown) => [messageOf(error)]);
    const reasons = wrong.slice(0, TOLD_MAX);
    const more = wrong.length - reasons.length;
    const trouble = wrong.length > 0 && {
      text: `not all is pulled of the feed ${feed}: ${reasons.join('; ')}${more > 0 ? ` and ${more} more` : ''}. It is tried again every minute`,
      facts: { reasons, more },
    };
    const told = await inTransaction(this.#dataSource, ({ client }) =>
      settleAlarm(
        client,
        'pull-fails',
        feed,
        trouble || undefined,
        `the feed ${feed} is pulled again`,
        this.#clock.now(),
      ),
    );
    for (const each of told) this.#log.warn(each);
  }

  /**
   * Looks at a feed's server once, and takes what looked the same before and was not taken yet. Safe to repeat: what is
   * taken twice has the same content, which counts once. A file that fails does not hold up the others. Answers what is not
   * taken, or not settled there, and why. @throws WrongHostKey, SilentServer, and what else keeps it from looking at all
   */
  async pull(feed: string): Promise<string[]> {
    const { sftp } = await inTransaction(this.#dataSource, ({ client }) => definitionOfFeed(client, feed));
    if (!sftp) return [];
    return SftpFolder.at(sftp, loginOf(sftp), (folder) => this.#pullFrom(folder, feed, sftp));
  }

  async #pullFrom(folder: SftpFolder, feed: string, sftp: SftpSource): Promise<string[]> {
    const listed = (await folder.list()).filter(({ name }) => !isDefinitionFile(name));
    const wrong = listed
      .filter(({ name }) => !isPlainName(name))
      .map(({ name }) => `no file can be kept under the name ${JSON.stringify(name.slice(0, 80))}: it is not taken`);
    const files = listed.filter(({ name }) => isPlainName(name));
    const at = this.#clock.now();
    const looks = await inTransaction(this.#dataSource, ({ client }) => keepLook(client, feed, files, at));
    for (const [index, file] of files.entries()) {
      const { taken, firstSeenAt }: Look = looks[index]!;
      if (!taken) {
        if (at - firstSeenAt < STANDS_STILL_MS) continue;
        if (file.bytes > sftp.bytes_max) {
          wrong.push(
            `${file.name} has ${file.bytes} bytes, more than the ${sftp.bytes_max} that are taken (bytes_max)`,
          );
          continue;
        }
      }
      try {
        if (taken || (await this.#take(folder, feed, file))) await folder.settle(file.name, at);
      } catch (error) {
        if (error instanceof SilentServer) throw error;
        wrong.push(`${file.name}: ${messageOf(error)}`);
      }
    }
    return wrong;
  }

  /** Under a name that is passed over until all bytes are there. */
  async #take(folder: SftpFolder, feed: string, file: RemoteFile): Promise<boolean> {
    const inbox = join(this.#config.inboxDir, feed);
    await mkdir(inbox, { recursive: true });
    const target = join(inbox, file.name);
    // One of the same name that still waits here is imported first.
    if (await stat(target).catch(() => undefined)) return false;
    const partial = join(inbox, `.${randomUUID()}.part`);
    try {
      if (!(await folder.fetch(file, partial))) return false;
      await rename(partial, target);
    } finally {
      await rm(partial, { force: true });
    }
    await inTransaction(this.#dataSource, ({ client }) => keepTaken(client, feed, file, this.#clock.now()));
    this.#log.log(`${feed}: took ${file.name}, ${file.bytes} bytes`);
    return true;
  }
}

/** What the definition names stands in the environment of this process alone. */
function loginOf({ password_env, private_key_env, passphrase_env }: SftpSource): SftpLogin {
  if (password_env !== undefined) return { password: secretNamed(password_env) };
  // A key has several lines, and files of environments have none that go on: there `\\n` stands for their ends.
  const privateKey = secretNamed(private_key_env!).replaceAll('\\n', '\n');
  return { privateKey, ...(passphrase_env !== undefined && { passphrase: secretNamed(passphrase_env) }) };
}

function secretNamed(name: string): string {
  const secret = secretFromEnvironment(name);
  if (secret !== undefined) return secret;
  throw new Refusal('unavailable', 'secret_not_set', `${name} is not set in the environment of this process`);
}
