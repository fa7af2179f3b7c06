// Tells stories in a thread of its own: there tap follows none of their promises, which takes as long as the stories.

import { parentPort, workerData } from 'node:worker_threads';
import { checkStories } from './story.ts';

const { runs, seed } = workerData as { runs: number; seed: number };
parentPort?.postMessage(await checkStories(runs, seed));
