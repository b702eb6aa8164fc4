// The first half of what the AWS CLI does in test_aws_clients.py, by the JavaScript SDK: to a second revision, stable.
// node deploy.mjs ENDPOINT NAME IMAGE ; keys and region from the environment. Prints the answers as one JSON line.
import {
  CreateClusterCommand, CreateServiceCommand, DescribeServicesCommand, ECSClient, ListTasksCommand,
  RegisterTaskDefinitionCommand, UpdateServiceCommand, waitUntilServicesStable,
} from "@aws-sdk/client-ecs";

const [endpoint, name, image] = process.argv.slice(2);
const ecs = new ECSClient({ endpoint, maxAttempts: 1 });
const cluster = "default";

async function register(version) {
  const container = { name: "web", image, memory: 16, environment: [{ name: "VERSION", value: version }] };
  const answer = await ecs.send(new RegisterTaskDefinitionCommand({ family: name, containerDefinitions: [container] }));
  return answer.taskDefinition.taskDefinitionArn;
}

async function stable() {
  await waitUntilServicesStable({ client: ecs, maxWaitTime: 180, minDelay: 1, maxDelay: 2 }, { cluster, services: [name] });
}

const made = await ecs.send(new CreateClusterCommand({ clusterName: cluster }));
const first = await register("1");
await ecs.send(new CreateServiceCommand({ cluster, serviceName: name, taskDefinition: first, desiredCount: 2 }));
await stable();
const second = await register("2");
await ecs.send(new UpdateServiceCommand({ cluster, service: name, taskDefinition: second }));
await stable();
const { services } = await ecs.send(new DescribeServicesCommand({ cluster, services: [name] }));
const { taskArns } = await ecs.send(new ListTasksCommand({ cluster, serviceName: name }));
let refusal = "";
try {
  await ecs.send(new DescribeServicesCommand({ cluster: "nowhere", services: [name] }));
} catch (error) {
  refusal = error.name;
}
console.log(JSON.stringify({ cluster: made.cluster.status, second, service: services[0], taskArns, refusal }));
