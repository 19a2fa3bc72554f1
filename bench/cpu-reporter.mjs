// Loaded into a service under measurement (`node --import`): answers each message of its parent with process.cpuUsage().
process.on("message", () => process.send(process.cpuUsage()));
// The channel must not keep the process alive after its server has closed.
process.channel.unref();
