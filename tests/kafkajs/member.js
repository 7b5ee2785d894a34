// A member of consumer groups, as a program: ADDRESS GROUP=ASSIGNOR=TOPIC... (kafkajs has one assignor, RoundRobinAssigner; TOPIC "~...":
// an expression). What it prints is told in tests/clients/group_life.py. Run by tests/suites/interop/79-kafkajs, which sets NODE_PATH.
// SIGUSR2: it subscribes anew.
const { Kafka, logLevel } = require("kafkajs");

const [address, ...specs] = process.argv.slice(2);
const tell = (...words) => process.stdout.write(words.join(" ") + "\n");

async function join(spec) {
  const [group, , topic] = spec.split("=");
  const kafka = new Kafka({ clientId: group, brokers: [address], logLevel: logLevel.ERROR });
  const consumer = kafka.consumer({
    groupId: group, sessionTimeout: 6000, heartbeatInterval: 1000, rebalanceTimeout: 10000, maxWaitTimeInMs: 300,
    metadataMaxAge: 1000,
  });
  let has = [];
  const giveUp = () => {
    for (const [name, partition] of has) tell("-", group, name, partition, Date.now());
    has = [];
  };
  consumer.on(consumer.events.REBALANCING, giveUp);
  consumer.on(consumer.events.GROUP_JOIN, (event) => {
    giveUp();
    for (const [name, partitions] of Object.entries(event.payload.memberAssignment)) {
      for (const partition of partitions) has.push([name, partition]);
    }
    for (const [name, partition] of has) tell("+", group, name, partition, Date.now());
  });
  consumer.on(consumer.events.CRASH, (event) => tell("crash of", group, event.payload.error, event.payload.restart));
  const run = async () => {
    const subscription = topic.startsWith("~") ? new RegExp(topic.slice(1)) : topic;
    await consumer.subscribe({ topics: [subscription], fromBeginning: true });
    await consumer.run({
      autoCommitInterval: 500,
      eachMessage: async ({ topic: name, partition, message }) => tell("r", group, name, partition, message.offset),
    });
  };
  const runAnew = async () => {
    giveUp();
    await consumer.stop();
    await run();
  };
  await consumer.connect();
  await run();
  return { consumer, runAnew };
}

async function main() {
  const members = await Promise.all(specs.map(join));
  process.on("SIGTERM", async () => {
    await Promise.all(members.map((member) => member.consumer.disconnect()));
    process.exit(0);
  });
  process.on("SIGUSR2", () => Promise.all(members.map((member) => member.runAnew())).catch(fail));
  tell("up");
}

function fail(failure) {
  tell("Exception", failure.stack);
  process.exit(1);
}

main().catch(fail);
