// The tour's script: makes a user, and reads them back. In a frontend the import would be "aeturnis-data-client".
import { TRPCClientError } from "@trpc/client";
import { createClient } from "../src/client/index.ts";

const client = createClient({
  url: process.env["URL"] ?? "http://127.0.0.1:3000/trpc",
  token: process.env["TOKEN"] ?? "",
});

const mira = {
  email: "mira@example.com",
  username: "Mira",
  // A hash as a back end would have it; the service takes no passwords here.
  passwordHash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaNTLQWL5vzYcJZk8",
  metadata: { level: 12 },
};

try {
  const user = await client.users.create.mutate(mira);
  console.log(`made ${user.username}, ${user.id}, in ${user.createdAt.getFullYear()}`);
} catch (error) {
  // The second time round: CONFLICT, email.
  if (!(error instanceof TRPCClientError) || error.data?.code !== "CONFLICT") throw error;
  console.log(`not made: ${error.message} (${error.data.code}, ${error.data.field})`);
}

const found = await client.users.byEmail.query({ email: "MIRA@EXAMPLE.COM" });
console.log("found by email, whatever its case:", found);
