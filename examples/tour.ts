// The script of the README's tour: creates a user and reads it. An application imports from "aeturnis-data-client".
import { createClient, isClientError } from "../src/client/index.ts";

const client = createClient({
  url: process.env["URL"] ?? "http://127.0.0.1:3000/trpc",
  token: process.env["TOKEN"] ?? "",
});

const mira = {
  email: "mira@example.com",
  username: "Mira",
  // The hash of another system; `password` in its place takes a new one.
  passwordHash: "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$RdescudvJCsgt3ub+b4dWRWJTmaaNTLQWL5vzYcJZk8",
  metadata: { level: 12 },
};

try {
  const user = await client.users.create.mutate(mira);
  console.log(`created ${user.username}, ${user.id}, in ${user.createdAt.getFullYear()}`);
} catch (error) {
  // A second run gives CONFLICT with the field email.
  if (!isClientError(error) || error.data?.code !== "CONFLICT") throw error;
  console.log(`not created: ${error.message} (${error.data.code}, ${error.data.field})`);
}

const found = await client.users.byEmail.query({ email: "MIRA@EXAMPLE.COM" });
console.log("found by email in any case:", found);
