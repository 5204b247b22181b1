/** The rules of the house that can be checked by reading the code. Each failure names file, line and rule. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LINES_MAX = 400;

/** The way of a record, from the first stage to the last. */
const STAGES = [
  'destinations',
  'accounts',
  'feeds',
  'ledger',
  'spend',
  'caps',
  'deviations',
  'decisions',
  'warnings',
  'answers',
  'suspensions',
  'cases',
  'evidence',
  'operators',
];
/** What every room stands on; it knows no stage. */
const GROUND = ['kernel', 'database'];

/**
 * What each room of `src/` may know of. A stage knows the ground and stages before it; only the pipeline composes them;
 * what stands outside is known to nobody but the shell that starts it. A new entry is a decision: make it here, and where
 * it does not fit the order, move the code instead.
 */
const MAY_KNOW: Record<string, readonly string[]> = {
  kernel: [],
  database: ['config.ts', 'migrations'],

  destinations: ['kernel'],
  accounts: [...GROUND, 'destinations'],
  feeds: ['kernel'],
  ledger: ['kernel', 'database', 'destinations', 'accounts', 'feeds'],
  spend: [...GROUND, 'destinations', 'accounts', 'ledger'],
  caps: ['kernel', 'destinations', 'accounts', 'ledger', 'spend'],
  deviations: [...GROUND, 'destinations', 'accounts', 'feeds', 'ledger'],
  decisions: ['kernel', 'destinations', 'accounts', 'ledger', 'caps', 'deviations'],
  warnings: [...GROUND, 'decisions'],
  answers: ['kernel', 'warnings'],
  suspensions: ['kernel', 'destinations', 'caps', 'decisions'],
  cases: ['kernel'],
  evidence: ['kernel'],
  operators: ['kernel', 'warnings'],

  queues: [...GROUND],
  pipeline: [...GROUND, ...STAGES, 'queues', 'config.ts'],

  admin: [
    ...GROUND,
    'destinations',
    'accounts',
    'feeds',
    'spend',
    'caps',
    'deviations',
    'decisions',
    'cases',
    'answers',
    'suspensions',
    'evidence',
    'operators',
    'pipeline',
    'config.ts',
  ],
  simulation: ['kernel', 'destinations', 'accounts', 'feeds', 'ledger', 'caps', 'deviations', 'decisions'],
  'command-line': ['kernel', 'caps', 'evidence', 'simulation', 'config.ts'],

  'config.ts': ['kernel'],
  'logging.ts': ['config.ts'],
  'app.module.ts': [...GROUND, 'config.ts', 'queues', 'pipeline', 'admin', 'warnings', 'suspensions'],
  'start.ts': [...GROUND, 'config.ts', 'logging.ts', 'app.module.ts', 'admin', 'queues'],
  'main.ts': ['config.ts', 'logging.ts', 'start.ts'],
  'demo.ts': ['kernel', 'feeds', 'config.ts', 'logging.ts', 'start.ts'],
  'cli.ts': ['command-line'],
};

/** What all folders of the admin room stand on. */
const ADMIN_GROUND = ['http', 'keys'];
/** What folders of records know of each other's beside it; a folder that is not named knows none. */
const ADMIN_MAY_KNOW: Record<string, readonly string[]> = {
  spend: ['accounts'],
  caps: ['accounts', 'suspensions'],
};

/** Which rooms may know of a package, beside Node's own. What is not named here is free. */
const MAY_USE: readonly [packages: RegExp, rooms: readonly string[]][] = [
  [/^(fastify|@fastify\/.*|@nestjs\/(platform-fastify|swagger)|prom-client)$/, ['admin', 'start.ts']],
  [/^(bullmq|ioredis|@nestjs\/(bullmq|schedule))$/, ['queues', 'database']],
  [/^typeorm$/, ['database', 'ledger', 'pipeline', 'admin']],
  [/^@nestjs\//, ['database', 'ledger', 'queues', 'pipeline', 'admin', 'app.module.ts', 'logging.ts', 'start.ts']],
  [/^handlebars(\/|$)/, ['warnings', 'answers']],
  [/^standardwebhooks$/, ['operators', 'suspensions']],
  [/^postal-mime$/, ['warnings', 'demo.ts']],
  [/^(nodemailer|smpp|echarts|@resvg\/resvg-wasm)(\/|$)/, ['warnings']],
  [/^ssh2-sftp-client$/, ['feeds']],
  [/^libphonenumber-js(\/|$)/, ['destinations']],
  [/^luxon$/, ['kernel']],
  [/^pino$/, ['logging.ts']],
  [/^commander$/, ['command-line']],
];

interface SourceFile {
  /** from the root of the repository, such as `src/kernel/clock.ts` */
  path: string;
  text: string;
  /** the text with comments blanked out, line by line */
  code: string;
}

/** Strings and regular expressions are kept, so that what looks like a comment within one is none. */
const STRING_OR_COMMENT =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|(\/\/[^\n]*|\/\*[\s\S]*?\*\/)|((?<=[(,=:[!&|?{};>]\s*|return )\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/)/g;

const FILES: SourceFile[] = ['src', 'migrations', 'docker', 'test']
  .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true }).map((name) => join(folder, String(name))))
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts'))
  .toSorted()
  .map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const code = text.replace(STRING_OR_COMMENT, (found, _kept?: string, comment?: string) =>
      comment === undefined ? found : comment.replaceAll(/[^\n]/g, ' '),
    );
    return { path, text, code };
  });
const SOURCES = FILES.filter(({ path }) => path.startsWith('src/'));
/** What runs: not the tests that stand beside it. */
const RUNNING = SOURCES.filter(({ path }) => !path.endsWith('.spec.ts'));

interface Import {
  file: SourceFile;
  place: string;
  /** gone when the code runs */
  ofTypes: boolean;
  specifier: string;
  /** the file that a relative import names, from the root */
  target: string | undefined;
}

const IMPORTS: Import[] = FILES.flatMap((file) =>
  [...file.code.matchAll(/(?:\b(?:import|export)( type)?\b[^;'"()]*?)?\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(
    (match) => {
      const specifier = match[2]!;
      const target = specifier.startsWith('.') ? join(dirname(file.path), specifier).replaceAll('\\', '/') : undefined;
      return {
        file,
        place: placeOf(file, match.index + match[0].length),
        ofTypes: match[1] !== undefined,
        specifier,
        target,
      };
    },
  ),
);

describe('the rooms of src/', () => {
  const imports = IMPORTS.filter(({ file }) => RUNNING.includes(file));

  it('are all on the plan', () => {
    const rooms = new Set(RUNNING.map(({ path }) => roomOf(path)));
    expect([...rooms].toSorted()).toEqual(Object.keys(MAY_KNOW).toSorted());
  });

  it.each(STAGES.map((stage, at) => [stage, at] as const))(
    'are planned so that %s knows no later stage',
    (stage, at) => {
      const known = new Set([...GROUND, ...STAGES.slice(0, at)]);
      expect((MAY_KNOW[stage] ?? []).filter((room) => !known.has(room))).toEqual([]);
    },
  );

  it.each(Object.entries(MAY_KNOW))('keep to the plan: %s knows no more than %j', (room, known) => {
    const strays = imports.filter(({ file, target }) => {
      const other = target === undefined ? room : roomOf(target);
      return roomOf(file.path) === room && other !== room && !known.includes(other);
    });
    expect(strays.map(({ place, target }) => `${place}: ${room} may not know ${target}`)).toEqual([]);
  });

  it('keep the folders of the admin room apart, but for what all of them stand on', () => {
    const folderOf = (path: string) => /^src\/admin\/([^/]+)\//.exec(path)?.[1];
    const strays = imports.filter(({ file, target }) => {
      const [folder, other] = [folderOf(file.path), folderOf(target ?? '')];
      if (folder === undefined || other === undefined || folder === other || ADMIN_GROUND.includes(other)) return false;
      return !ADMIN_MAY_KNOW[folder]?.includes(other);
    });
    expect(strays.map(({ place, target }) => `${place}: may not know ${target}`)).toEqual([]);
  });

  it.each(MAY_USE)('leave %s to %j', (packages, rooms) => {
    // The first line that names a package holds.
    const first = (specifier: string) => MAY_USE.find(([each]) => each.test(specifier))?.[0];
    const strays = imports.filter(
      ({ file, specifier }) => first(specifier) === packages && !rooms.includes(roomOf(file.path)),
    );
    expect(strays.map(({ place, specifier }) => `${place}: ${specifier} is not for this room`)).toEqual([]);
  });

  it('hold no files that import each other in a circle', () => {
    expect(circles(imports)).toEqual([]);
  });
});

describe('imports', () => {
  it('name the file that is meant, with .ts', () => {
    const vague = IMPORTS.filter(({ target }) => target !== undefined && !/\.(ts|json)$/.test(target));
    expect(vague.map(({ place, specifier }) => `${place}: ${specifier} must end in .ts`)).toEqual([]);
  });

  it('never reach from src/ into the tests', () => {
    const strays = IMPORTS.filter(({ file, target }) => RUNNING.includes(file) && target?.startsWith('test/'));
    expect(strays.map(({ place, specifier }) => `${place}: ${specifier} belongs to the tests`)).toEqual([]);
  });
});

describe('the code', () => {
  const rules: [rule: string, pattern: RegExp, files: SourceFile[], except?: readonly string[]][] = [
    ['the environment is read in src/config.ts alone', /\bprocess\s*\.\s*env\b/g, RUNNING, ['src/config.ts']],
    [
      'the time is read in src/kernel/clock.ts alone',
      /\bDate\.now\b|\bnew Date\(|\bperformance\.now\b|\bhrtime\b|\bDateTime\.(?:now|local|utc)\(/g,
      RUNNING,
      ['src/kernel/clock.ts'],
    ],
    [
      'chance is for the pause before a transaction is tried again alone',
      /\bMath\.random\b/g,
      RUNNING,
      ['src/database/transaction.ts'],
    ],
    ['no number is read as a float', /\bparseFloat\b/g, RUNNING],
    ['nothing gets the type any', /\bas any\b/g, FILES],
    ['no module waits for itself', /\bforwardRef\b/g, RUNNING],
    ['no event is thrown for whoever listens', /\bnew EventEmitter\b|@nestjs\/event-emitter/g, RUNNING],
    ['TypeORM does nothing of itself', /\b(?:synchronize|eager|lazy|cascade|subscribers):(?!\s*false\b)/g, RUNNING],
    ['nothing is exported on', /\bexport\s*(?:type\s*)?(?:\*|\{[^}]*\})\s*(?:as \w+ )?from\b/g, RUNNING],
    ['no test runs alone', /\b(?:it|test|describe)\.only\b|\bf(?:it|describe)\(/g, FILES],
  ];
  it.each(rules)('keeps the rule: %s', (rule, pattern, files, except = []) => {
    expect(findings(pattern, files, 'code', rule, except)).toEqual([]);
  });

  const wordings: [rule: string, pattern: RegExp][] = [
    ['what is left to do stands elsewhere', /\b(?:TODO|FIXME|XXX)\b/g],
    ['types are mended, not silenced', /@ts-(?:ignore|nocheck|expect-error)\b/g],
    [
      'a check is switched off for one line, by name, with a reason',
      /\b(?:eslint|oxlint)-disable(?!-next-line \S+ -- \S)|\b(?:prettier|biome|istanbul|c8)[- ]ignore\b/g,
    ],
  ];
  it.each(wordings)('keeps the rule: %s', (rule, pattern) => {
    expect(findings(pattern, FILES, 'text', rule, ['test/house.spec.ts'])).toEqual([]);
  });

  it('is told in files that can be read in one go', () => {
    const long = SOURCES.map(({ path, text }) => [path, text.split('\n').length - 1] as const);
    const tooLong = long.filter(([, lines]) => lines > LINES_MAX);
    expect(tooLong.map(([path, lines]) => `${path}:${LINES_MAX}: ${lines} lines, ${LINES_MAX} at most`)).toEqual([]);
  });

  it('is in files that say what they hold', () => {
    const vague = /^(?:index|utils?|helpers?|common|shared|misc|manager|data|types|constants)$/;
    const named = SOURCES.filter(({ path }) => path.split('/').some((part) => vague.test(part.replace(/\.ts$/, ''))));
    expect(named.map(({ path }) => `${path}:1: the name says nothing, or names a barrel`)).toEqual([]);
  });
});

function roomOf(path: string): string {
  const [top, room] = path.split('/') as [string, string];
  return top === 'src' ? room : top;
}

function placeOf({ path, text }: SourceFile, index: number): string {
  return `${path}:${text.slice(0, index).split('\n').length}`;
}

function findings(
  pattern: RegExp,
  files: readonly SourceFile[],
  where: 'code' | 'text',
  rule: string,
  except: readonly string[],
): string[] {
  return files
    .filter(({ path }) => !except.includes(path))
    .flatMap((file) =>
      [...file[where].matchAll(pattern)].map((match) => `${placeOf(file, match.index)}: ${match[0]}: ${rule}`),
    );
}

/** Each circle of imports, by the file at which it was found. */
function circles(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { file, target, ofTypes } of imports) {
    if (target !== undefined && !ofTypes) next.set(file.path, [...(next.get(file.path) ?? []), target]);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const follow = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      const circle = [...way.slice(way.indexOf(path)), path].map((each) => basename(each));
      found.push(`${path}:1: imports itself by way of ${circle.join(' → ')}`);
      return;
    }
    if (done.has(path)) return;
    for (const target of next.get(path) ?? []) follow(target, [...way, path]);
    done.add(path);
  };
  for (const path of next.keys()) follow(path, []);
  return found;
}
