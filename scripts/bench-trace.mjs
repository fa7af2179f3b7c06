// What a trace of Chromium says of a page: how long script has run on its main thread for each frame.

/** As DevTools counts them as scripting, with all that happens within. */
const scripting = new Set([
  ...['EvaluateScript', 'FunctionCall', 'EventDispatch', 'FireAnimationFrame', 'TimerFire', 'RunMicrotasks'],
  ...['FireIdleCallback', 'HandlePostMessage', 'MinorGC', 'MajorGC', 'v8.compile', 'v8.run', 'V8.GCScavenger'],
]);
/** One for each frame that is drawn. */
const frameStart = 'PrePaint';

/**
 * @typedef {object} TraceEvent
 * @property {string} name
 * @property {string} ph
 * @property {number} pid
 * @property {number} tid
 * @property {number} ts microseconds
 * @property {number} [dur]
 * @property {number} [tts] the same of the thread's own time
 * @property {number} [tdur]
 */

/**
 * @param {TraceEvent[]} events
 * @returns {{ frames: number[], seconds: number }} milliseconds of script for each frame, and how long was looked
 */
export function readTrace(events) {
  const starts = events.filter(({ name }) => name === frameStart).sort((one, other) => one.ts - other.ts);
  const [busiest] = [...countBy(starts, ({ pid, tid }) => `${pid} ${tid}`)].sort((one, other) => other[1] - one[1]);
  if (!busiest) throw new Error('the trace has no frame');
  const own = events.filter(({ pid, tid }) => `${pid} ${tid}` === busiest[0]).sort((one, other) => one.ts - other.ts);
  const frames = [];
  let script = 0;
  let endsAt = 0;
  let isFirst = true;
  for (const { name, ph, ts, dur = 0, tdur } of own) {
    if (name === frameStart) {
      if (!isFirst) frames.push(script / 1000);
      isFirst = false;
      script = 0;
    } else if (ph === 'X' && scripting.has(name) && ts >= endsAt) {
      // What lies within another one is counted with it.
      endsAt = ts + dur;
      script += tdur ?? dur;
    }
  }
  const [first, last] = [starts[0], starts.at(-1)];
  return { frames, seconds: ((last?.ts ?? 0) - (first?.ts ?? 0)) / 1_000_000 };
}

/** @template Value @param {Value[]} values @param {(value: Value) => string} key @returns {Map<string, number>} */
function countBy(values, key) {
  const counts = new Map();
  for (const value of values) counts.set(key(value), (counts.get(key(value)) ?? 0) + 1);
  return counts;
}
