import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global.ts",
    // One more than two cores have: tests wait for servers and processes more than they compute.
    maxWorkers: 3,
    // Modules are loaded once for each worker and not once for each file. A test that changes the process restores it.
    isolate: false,
    // Tests wait for events and not for time. The limit ends a test that hangs, also on a loaded machine.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    env: { NODE_ENV: "test" },
  },
});
