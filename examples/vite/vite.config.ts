// The development server passes calls on to the service. The service keeps the session in cookies for the origins that
// CORS_ORIGINS lists: start it with CORS_ORIGINS=http://localhost:5173.
export default {
  esbuild: { jsx: "automatic" },
  server: { proxy: { "/trpc": "http://127.0.0.1:3000" } },
};
