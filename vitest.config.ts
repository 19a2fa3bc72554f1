import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global.ts",
    // One more than two cores have: tests wait for servers and processes more than they compute.
    maxWorkers: 3,
    // Modules are loaded once for each worker and not once for each file. A test that changes the process restores it.
    isolate: false,
    // Real servers start and stop in some of them; nothing waits for time to pass.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: { NODE_ENV: "test" },
  },
});
