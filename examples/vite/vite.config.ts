// The development server passes calls on to the service, so that the page needs no CORS.
export default {
  esbuild: { jsx: "automatic" },
  server: { proxy: { "/trpc": "http://127.0.0.1:3000" } },
};
