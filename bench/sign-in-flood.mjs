// A process that signs players in at a constant rate, however slowly the service answers: `sign-in-load.mjs` starts it. It
// sends "full" once when a sign-in is refused because too many wait, and its counts when it is asked to stop.
import { createSignInCall, signInInputs } from "./players.mjs";
import { wait } from "./support.mjs";

const { url, rate, first, players } = JSON.parse(process.argv[2]);
const call = await createSignInCall({ url });
const next = signInInputs({ first, players });
const counts = { sent: 0, served: 0, refused: 0, others: 0 };
const names = { 200: "served", 429: "refused" };

const send = async () => {
  counts.sent++;
  const { status } = await call(next());
  const name = names[status] ?? "others";
  if (name === "refused" && counts.refused === 0) process.send("full");
  counts[name]++;
};

let running = true;
process.once("message", () => {
  running = false;
});
const calls = [];
const started = performance.now();
while (running) {
  const due = ((performance.now() - started) / 1_000) * rate;
  while (calls.length < due) calls.push(send());
  await wait(0.01);
}
const seconds = (performance.now() - started) / 1_000;
await Promise.all(calls);
process.send({ ...counts, seconds }, () => process.disconnect());
