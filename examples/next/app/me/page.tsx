import { isClientError, type User } from "aeturnis-data-client";
import { redirect } from "next/navigation";
import { api } from "../../lib/api";

/** A server component: the visitor's account and sessions, fetched in one request to the service. */
export default async function AccountPage() {
  const [user, sessions] = await Promise.all([currentUser(), api().sessions.list.query({ limit: 10 })]);
  return (
    <main>
      <h1>{user.username}</h1>
      <p>Member since {user.createdAt.toLocaleDateString()}</p>
      <ul>
        {sessions.items.map((session) => (
          <li key={session.id}>
            {session.userAgent}, last used {session.lastActive.toLocaleString()}
          </li>
        ))}
      </ul>
    </main>
  );
}

async function currentUser(): Promise<User> {
  try {
    return await api().users.me.query();
  } catch (error) {
    if (isClientError(error) && error.data?.code === "UNAUTHORIZED") redirect("/sign-in");
    throw error;
  }
}
