/** A private Postfix: its own folder and port, nothing of the machine's. It needs root, for its processes give it up. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closedAtLast } from '../harness/closing.ts';
import { freePort, until } from '../harness/process.ts';
import { connect } from 'node:net';

export interface PostfixRoutes {
  /** where mail for this domain goes on to: another server on loopback */
  relay: { domain: string; port: number };
  /** the address whose mail is handed to a command, as one argument each; mail to it with an extension too */
  pipe: { address: string; argv: readonly string[] };
}

/** The lines of configuration that warnings/README.md gives, with what a test needs around them. */
const MAIN = ({ relay, pipe }: PostfixRoutes, folder: string) => `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
mail_owner = postfix
myhostname = mx.provider.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
mydestination =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_dns_support_level = disabled
smtp_host_lookup = native
virtual_mailbox_domains = example.net provider.example
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
relay_domains = ${relay.domain}
recipient_delimiter = +
transport_maps = inline:{ {${pipe.address}=plafond:}, {${relay.domain}=smtp:[127.0.0.1]:${relay.port}} }
plafond_destination_recipient_limit = 1
`;

const MASTER = (port: number, { pipe }: PostfixRoutes) => `
127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
plafond unix - n n - - pipe flags=DR user=nobody argv=${pipe.argv.join(' ')}
`;

export class Postfix {
  private constructor(
    readonly port: number,
    readonly folder: string,
  ) {}

  static async start(routes: PostfixRoutes): Promise<Postfix> {
    const folder = mkdtempSync(join(tmpdir(), 'plafond-postfix-'));
    chmodSync(folder, 0o755);
    const postfix = new Postfix(await freePort(), folder);
    closedAtLast('Postfix', () => postfix.remove());
    for (const name of ['etc', 'queue', 'data', 'mail']) mkdirSync(join(folder, name));
    execFileSync('chown', ['postfix', join(folder, 'data')]);
    execFileSync('chown', ['nobody', join(folder, 'mail')]);
    writeFileSync(join(folder, 'etc', 'main.cf'), MAIN(routes, folder));
    writeFileSync(join(folder, 'etc', 'master.cf'), MASTER(postfix.port, routes));
    await postfix.start();
    return postfix;
  }

  async start(): Promise<void> {
    const run = spawnSync('postfix', ['-c', join(this.folder, 'etc'), 'start'], { encoding: 'utf8' });
    if (run.status !== 0) throw new Error(`postfix did not start:\n${run.stdout}${run.stderr}${this.log()}`);
    await until('postfix answers', () => isOpen(this.port));
  }

  stop(): void {
    spawnSync('postfix', ['-c', join(this.folder, 'etc'), 'stop'], { stdio: 'ignore' });
  }

  remove(): void {
    this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  log(): string {
    return readFileSync(join(this.folder, 'log'), { encoding: 'utf8', flag: 'a+' });
  }

  /** The mails that were delivered into the one mailbox there is, as they lie there. */
  mails(): string[] {
    const folder = join(this.folder, 'mail', 'all', 'new');
    try {
      return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    } catch {
      return [];
    }
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(!socket.destroy().connecting));
    socket.once('error', () => resolve(false));
  });
}
