// Times as people read them.

const DAY_MS = 86_400_000;
const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const second = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

type Time = string | number;

/** @returns “Today”, “Yesterday”, or the date */
export function dayOf(at: Time, now: number = Date.now()): string {
  const name = day.format(new Date(at));
  if (name === day.format(now)) return 'Today';
  return name === day.format(now - DAY_MS) ? 'Yesterday' : name;
}

export const timeOf = (at: Time): string => time.format(new Date(at));

/** To the second, with the date where that is not today. */
export const momentOf = (at: Time): string => (dayOf(at) === 'Today' ? second : moment).format(new Date(at));
