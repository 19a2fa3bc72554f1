import { QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { queryClient } from "./api.ts";
import { Page } from "./Page.tsx";

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <QueryClientProvider client={queryClient}>
    <Page />
  </QueryClientProvider>,
);
