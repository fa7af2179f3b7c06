// What work costs, however busy the machine is: the time of the processor that this process has used, not of the clock.

/** @param work uses no other thread, and waits for nothing @returns ms */
export function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
