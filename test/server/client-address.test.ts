import { expect, it } from "vitest";
import { addressOf } from "../../src/server/client-address.ts";
import { newUser } from "../support/factories.ts";
import { account, clientOf, serviceForTest, serviceToken, useService } from "../support/service.ts";

const shared = useService();

it.each([
  ["::ffff:127.0.0.1", "127.0.0.1"],
  ["::FFFF:7f00:1", "127.0.0.1"],
  ["0:0:0:0:0:ffff:10.1.2.3", "10.1.2.3"],
  ["0000:0000:0000:0000:0000:ffff:0a01:0203", "10.1.2.3"],
  ["[::ffff:10.1.2.3]:443", "10.1.2.3"],
  ["::ffff:10.1.2.3%eth0", "10.1.2.3"],
  ["10.1.2.3:443", "10.1.2.3"],
  ["2001:db8::ffff:1", "2001:db8::ffff:1"],
  ["::1", "::1"],
  ["unknown", undefined],
])("the address %s is read as %s", (text, address) => {
  expect(addressOf(text)).toBe(address);
});

it("the audit trail records an IPv4 client by its IPv4 address, also if the service listens on ::", async () => {
  const { url } = await serviceForTest(shared.database.url, { env: { HOST: "::" } });
  const { port } = new URL(url);
  const { id } = await clientOf(`http://127.0.0.1:${port}/trpc`, serviceToken).users.create.mutate(newUser());
  const [row] = await shared.database.sql`
    select ip_address::text as address from audit_log where resource_type = 'users' and resource_id = ${id}`;
  expect(row?.["address"]).toBe("127.0.0.1/32");
});

it("an IPv4-mapped IPv6 address equals its IPv4 address in events and filters", async () => {
  const game = clientOf((await serviceForTest(shared.database.url)).url, serviceToken);
  await game.audit.record.mutate({ action: "trade.completed", ipAddress: "::ffff:198.51.100.7" });
  const { token } = await account(shared.database.sql, "admin");
  const admin = clientOf(shared.url, token);
  for (const ipAddress of ["198.51.100.7", "::ffff:198.51.100.7", "::ffff:c633:6407"]) {
    const { items } = await admin.audit.list.query({ where: { ipAddress, action: "trade.completed" } });
    expect(items).toMatchObject([{ ipAddress: "198.51.100.7" }]);
  }
});
