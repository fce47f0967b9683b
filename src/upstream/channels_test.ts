import assert from "node:assert/strict";
import { test } from "node:test";
import { CHANNELS_MAX } from "../limits.ts";
import { CHANNEL_TCP, CHANNEL_UDP, Channels, NO_CHANNEL } from "./channels.ts";

test("Channels.open() begins every column anew when a number is used again", () => {
  const channels = new Channels();
  const first = channels.open(7, CHANNEL_TCP, 3, 100);
  const columns = ["inFlightCounts", "queryCounts", "strangerCounts", "retiring"] as const;
  for (const column of columns) channels[column][first] = 1;
  channels.close(first);
  assert.equal(channels.isOpen(first), false);
  const second = channels.open(8, CHANNEL_UDP, 4, 200);
  assert.equal(second, first);
  assert.equal(channels.isOpen(second), true);
  for (const column of columns) assert.equal(channels[column][second], 0, column);
  const { fds, kinds, upstreams, openedMs, idleMs } = channels;
  const found = [fds, kinds, upstreams, openedMs, idleMs].map((column) => column[second]);
  assert.deepEqual(found, [8, CHANNEL_UDP, 4, 200, 200]);
});

test("Channels.generation() differs from that of an earlier use of the number", () => {
  const channels = new Channels();
  const channel = channels.open(7, CHANNEL_UDP, 0, 0);
  const before = channels.generation(channel);
  channels.close(channel);
  assert.equal(channels.open(7, CHANNEL_UDP, 0, 0), channel);
  assert.notEqual(channels.generation(channel), before);
});

test("Channels.open() answers NO_CHANNEL when all are in use, until one is closed", () => {
  const channels = new Channels();
  for (let count = 0; count < CHANNELS_MAX; count++) {
    assert.notEqual(channels.open(count, CHANNEL_UDP, 0, 0), NO_CHANNEL);
  }
  assert.equal(channels.usedCount, CHANNELS_MAX);
  assert.equal(channels.open(9, CHANNEL_UDP, 0, 0), NO_CHANNEL);
  channels.close(17);
  assert.equal(channels.open(9, CHANNEL_UDP, 0, 0), 17);
});
