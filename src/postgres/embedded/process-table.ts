// Owns the look at other processes: which one a pid means today, and what it runs.
import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';

export interface ProcessInfo {
  /** Differs between two processes that had the same pid; no other meaning. */
  startedAt: string;
  /** The command line, arguments separated by a space. Empty on Windows. */
  command: string;
}

/** Returns the living process with this pid, or undefined. A zombie does not live. */
export async function inspectProcess(pid: number): Promise<ProcessInfo | undefined> {
  try {
    if (process.platform === 'linux') return await readProc(pid);
    if (process.platform === 'win32') return probe(pid);
    return await askPs(pid);
  } catch {
    return undefined;
  }
}

/** Returns the name of the processes that can be seen from here: two with the same name see each other. */
export async function visibleProcesses(): Promise<string> {
  if (process.platform !== 'linux') return hostname();
  // Each container has pids of its own (pid_namespaces(7)).
  const [bootId, namespace] = await Promise.all([readBootId(), readlink('/proc/self/ns/pid')]);
  return `${bootId}-${/\d+/.exec(namespace)}`;
}

async function readBootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).slice(0, 8);
}

async function readProc(pid: number): Promise<ProcessInfo | undefined> {
  const [stat, command, bootId] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/cmdline`, 'utf8'),
    readBootId(),
  ]);
  // proc_pid_stat(5): the name in parentheses may hold anything; state and start time are fields 3 and 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X') return undefined;
  // Ticks count from boot, and a virtual machine gives the same pid at nearly the same tick on each boot.
  return { startedAt: `${startTicks}-${bootId}`, command: command.replaceAll('\0', ' ') };
}

async function askPs(pid: number): Promise<ProcessInfo | undefined> {
  const columns = ['stat=', 'lstart=', 'command='].flatMap((column) => ['-o', column]);
  const { stdout } = await promisify(execFile)('/bin/ps', ['-ww', ...columns, '-p', `${pid}`], {
    env: { LC_ALL: 'C' },
  });
  const [, state, startedAt, command] = /^\s*(\S+)\s+(.{24})\s+(.*)$/m.exec(stdout) ?? [];
  if (!startedAt || state?.startsWith('Z')) return undefined;
  return { startedAt: `${Date.parse(startedAt)}`, command: `${command} ` };
}

function probe(pid: number): ProcessInfo {
  process.kill(pid, 0);
  return { startedAt: '0', command: '' };
}
