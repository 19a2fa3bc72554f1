import { expect, it } from "vitest";
import { parseNoteSigner } from "../../src/audit/signed-note.ts";
import { verifyProof } from "../../src/client/verify-proof.ts";
import { eventually } from "../support/eventually.ts";
import { newUser } from "../support/factories.ts";
import { refusal } from "../support/rejection.ts";
import { account, auditSigningKey, clientOf, serviceToken, useService } from "../support/service.ts";

const service = useService();

it("an administrator verifies what the service wrote, sealed and signed, and proves a row of it", async () => {
  const client = clientOf(service.url, (await account(service.database.sql, "admin")).token);
  const game = clientOf(service.url, serviceToken);
  const { id } = await game.users.create.mutate(newUser());
  await game.audit.record.mutate({ action: "trade.completed", userId: id, changes: { gold: 1.5 } });
  await client.users.delete.mutate({ id });
  const proof = await eventually(async () => {
    const { items } = await client.audit.list.query({ where: { subjectId: id }, limit: 1 });
    return (await client.audit.prove.query({ id: items[0]?.id ?? "" })).proof;
  });
  const key = parseNoteSigner(auditSigningKey).verifier.text;
  const row = await verifyProof(proof, key);
  expect(row).toMatchObject({ subjectId: id });
  const checkpoint = proof.slice(proof.indexOf("\n\n") + 2);
  const result = await client.audit.verify.query({ against: [checkpoint], to: row.index + 1 });
  expect(result).toMatchObject({ verdict: "intact", findings: [], checkpoint: { key } });
});

it("audit.verify needs no input", async () => {
  const client = clientOf(service.url, (await account(service.database.sql, "admin")).token);
  expect(await client.audit.verify.query()).toMatchObject({ compared: 0, range: { start: 0 } });
});

it("audit.verify and audit.prove name the field that they refuse", async () => {
  const client = clientOf(service.url, (await account(service.database.sql, "admin")).token);
  const refusals = [
    [client.audit.verify.query({ from: "yesterday" }), "from", "must be an index such as 1200"],
    [client.audit.verify.query({ to: -1 }), "to", "must be an index such as 1200"],
    [client.audit.verify.query({ against: ["x"] }), "against", "A given checkpoint is not a signed note"],
    [client.audit.prove.query({ id: "x" }), "id", "UUID"],
  ] as const;
  for (const [call, field, message] of refusals)
    expect(await refusal(call)).toMatchObject({
      code: "BAD_REQUEST",
      field,
      message: expect.stringContaining(message),
    });
  const id = "0190a6e0-0000-7000-8000-000000000001";
  expect(await refusal(client.audit.prove.query({ id }))).toMatchObject({ code: "NOT_FOUND" });
});
