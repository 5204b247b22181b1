import { afterAll } from '@jest/globals';
import { closeWhatIsLeft } from './closing.ts';

/** Each thing has a limit of its own. */
afterAll(() => closeWhatIsLeft(), 900_000);
