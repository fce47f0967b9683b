import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test } from "node:test";
import { cleanUp } from "../support/clean_up.ts";
import { ask } from "../support/dns_client.ts";
import { encodeMessage } from "../support/dns_message.ts";
import { typeNumber } from "../support/dns_rdata.ts";
import { freePort } from "../support/free_port.ts";
import { answerAll, startScriptedUpstream } from "../support/scripted_upstream.ts";
import { serve } from "../support/serve.ts";
import { until } from "../support/until.ts";

test("nodens with loop leaves out an upstream that leads back, says which, and comes back to it", async (context) => {
  const socket = createSocket("udp4");
  cleanUp(context, () => socket.close());
  // Known before it starts: the first probe comes at once.
  const port = await freePort();
  let isLooping = true;
  const looping = await startScriptedUpstream(context, (query) => {
    if (!isLooping) answerAll(query);
    else if (query.message.questions[0]?.type === typeNumber("HINFO")) {
      socket.send(encodeMessage(query.message), port, "127.0.0.1");
    }
  });
  const other = await startScriptedUpstream(context);
  const server = await serve(
    context,
    `.:${port} {
      bind 127.0.0.1
      loop
      errors
      forward . 127.0.0.1:${looping.port} 127.0.0.1:${other.port} {
        policy sequential
      }
    }`,
    { parameters: ["-workers", "2"] },
  );
  const upstream = `upstream 127.0.0.1:${looping.port}`;
  const way = /^\[ERROR\] plugin\/loop: Loop \(127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+\) detected for/;
  const isFound = (line: string) =>
    way.test(line) && line.endsWith(`": ${upstream} leads back here and is left out`);
  await until("the loop is found", () => server.lines().some(isFound));
  await until("all workers know", async () => {
    const before = looping.heard.length;
    for (let number = 0; number < 20; number++) {
      const { rcode } = await ask(server.port, `n${before}-${number}.example.org`, "A");
      assert.equal(rcode, "NOERROR");
    }
    const asked = looping.heard.slice(before).filter(({ name }) => name.startsWith("n"));
    return asked.length === 0;
  });
  assert.equal(server.lines().filter(isFound).length, 1);
  isLooping = false;
  const over = `[INFO] plugin/loop: ${upstream} no longer leads back here`;
  await until("it has ended", () => server.lines().includes(over), 20_000);
  await until("the upstream is asked again", async () => {
    const name = `m${looping.heard.length}-${Math.random()}`.replace(".", "");
    await ask(server.port, `${name}.example.org`, "A");
    return looping.count(`${name}.example.org.`) > 0;
  });
});
