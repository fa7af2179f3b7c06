// What work costs, however busy the machine is: the time of the processor that this process has used, not of the clock.

const ROUNDS = 3;

/** @param work uses no other thread, and waits for nothing @returns ms, at best of three: a processor is shared, too */
export function cpuMs(work: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}
