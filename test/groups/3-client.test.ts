// What pages import, against a browser and a node in memory, and parts without a node.

import { runFiles } from '../helpers/run-files.ts';

runFiles(
  'client/connection-states',
  'client/page',
  'client/live',
  'client/connection',
  'client/session',
  'client/problem',
  'client/tabs',
  'client/broadcasts',
  'http/client-files',
  'http/web-files',
  'streams/wire/codecs',
  'streams/fan-out/frame-rings',
  'streams/fan-out/hub',
  'streams/fan-out/log-reader',
  'streams/log-writer',
  'streams/origin',
  'web/parts',
  'web/past',
  'web/together-parts',
  'web/transfer',
);
