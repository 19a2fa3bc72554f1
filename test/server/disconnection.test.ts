import { once } from "node:events";
import { connect } from "node:net";
import { fastify } from "fastify";
import { expect, it, onTestFinished } from "vitest";
import { DisconnectedError } from "../../src/errors.ts";
import { disconnectionOf } from "../../src/server/disconnection.ts";

/** Starts a server that passes the signal of each request to `handle`, and answers when that resolves. */
async function serverWith(handle: (signal: AbortSignal) => Promise<void>) {
  const server = fastify();
  server.get("/", async (request, reply) => {
    const disconnection = disconnectionOf(request.raw, reply.raw);
    await handle(disconnection());
    expect(disconnection()).toBe(disconnection());
    return "answer";
  });
  onTestFinished(() => server.close());
  return server.listen({ port: 0, host: "127.0.0.1" });
}

it("the signal of a request is aborted when its client disconnects before the answer", async () => {
  let began = () => {};
  const beginning = new Promise<void>((resolve) => {
    began = resolve;
  });
  let reason: unknown;
  const aborted = new Promise<void>((resolve) => {
    const handle = async (signal: AbortSignal) => {
      began();
      await once(signal, "abort");
      ({ reason } = signal);
      resolve();
    };
    void serverWith(handle).then((url) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
      void beginning.then(() => socket.destroy());
    });
  });
  await aborted;
  expect(reason).toBeInstanceOf(DisconnectedError);
});

it("the signal of a request is not aborted before its answer", async () => {
  const states: boolean[] = [];
  const url = await serverWith(async (signal) => {
    states.push(signal.aborted);
  });
  for (let n = 0; n < 3; n++) expect(await (await fetch(url)).text()).toBe("answer");
  expect(states).toEqual([false, false, false]);
});
