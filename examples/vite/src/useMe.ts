import { useQuery } from "@tanstack/react-query";
import { api } from "./api.ts";

/** The account of the player who is signed in. */
export const useMe = () => useQuery(api.users.me.queryOptions());
