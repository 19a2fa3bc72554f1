import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, queryClient } from "./api.ts";
import { Problem } from "./Problem.tsx";

/** Finds players by the beginning of their name, and bans them. */
export function Players() {
  const [search, setSearch] = useState("");
  const players = useInfiniteQuery(
    api.users.list.infiniteQueryOptions(
      { where: { username: { like: `${search}*` } }, sort: { field: "username" }, limit: 50 },
      { getNextPageParam: (page) => page.nextCursor },
    ),
  );
  const setStatus = useMutation(
    api.users.setStatus.mutationOptions({
      onSuccess: () => queryClient.invalidateQueries(api.users.list.pathFilter()),
    }),
  );
  const error = players.error ?? setStatus.error;

  return (
    <main>
      <label>
        Name <input value={search} onChange={(event) => setSearch(event.target.value)} />
      </label>
      <Problem error={error} />
      <ul>
        {players.data?.pages.flatMap(({ items }) =>
          items.map((user) => (
            <li key={user.id}>
              {user.username}, since {user.createdAt.toLocaleDateString()}
              <button type="button" onClick={() => setStatus.mutate({ id: user.id, status: "banned" })}>
                Ban
              </button>
            </li>
          )),
        )}
      </ul>
      <button type="button" disabled={!players.hasNextPage} onClick={() => players.fetchNextPage()}>
        More
      </button>
    </main>
  );
}
