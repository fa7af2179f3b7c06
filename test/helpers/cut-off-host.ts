// Another host, whose cable can be pulled: a network namespace behind a veth pair. Linux, root and iproute2 only.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import type { Teardown } from './teardown.ts';

/** Why tests that need another host are skipped, if they are. */
export const noOtherHost = ((): string | false => {
  const name = `tb-probe-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no network namespaces here: they need Linux, root and iproute2';
  }
})();

export interface OtherHost {
  /** The address of this machine, as the other host sees it. */
  serverAddress: string;
  /** Runs a command over there; what it prints goes to `onOutput`. */
  run(command: string, args: string[], onOutput: (text: string) => void): ChildProcess;
  /** Pulls the cable: no packet comes through any more, and nobody is told. */
  cut(): void;
}

export function useOtherHost(t: Teardown): OtherHost {
  const name = `tb${process.pid}`;
  const inside = `${name}i`;
  // 198.18.0.0/15 is for tests between networks (RFC 2544), and so is nobody's address.
  const network = `198.18.${process.pid % 256}`;
  const ip = (...args: string[]) => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  ip('netns', 'add', name);
  const children: ChildProcess[] = [];
  t.teardown(() => {
    for (const child of children) child.kill('SIGKILL');
    // The pair goes with the namespace.
    ip('netns', 'del', name);
  });
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', inside, 'netns', name);
  ip('addr', 'add', `${network}.1/30`, 'dev', name);
  ip('link', 'set', name, 'up');
  ip('-n', name, 'addr', 'add', `${network}.2/30`, 'dev', inside);
  ip('-n', name, 'link', 'set', inside, 'up');
  return {
    serverAddress: `${network}.1`,
    run: (command, args, onOutput) => {
      const child = spawn('ip', ['netns', 'exec', name, command, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
      child.stdout.on('data', (data) => onOutput(String(data)));
      children.push(child);
      return child;
    },
    cut: () => ip('-n', name, 'link', 'set', inside, 'down'),
  };
}
