/**
 * The second playground of hack/run.sh: two nodes in network namespaces, an API server of paper,
 * and pods that are real containers of the image. What is done there is what an operator does, with
 * hack/install.sh, hack/uninstall.sh and the real kubectl. On every node programs ask all the
 * while, and what they lose is counted.
 */

import type { PlayCluster } from "../tests/install/support/play_cluster.ts";
import { createPlayCluster, IMAGES } from "../tests/install/support/play_cluster.ts";
import { Operator } from "../tests/install/support/run_script.ts";
import { BusyNode, type Seen } from "../tests/netns/support/busy_node.ts";
import type { Lab } from "../tests/netns/support/lab.ts";
import type { Finished } from "../tests/netns/support/namespaces.ts";
import { CLUSTER_IP, NODE_LOCAL } from "../tests/netns/support/places.ts";
import type { Ending } from "../tests/support/clean_up.ts";
import type { Stage } from "./stage.ts";

const SERVICE = CLUSTER_IP[4];
const LINK_LOCAL = NODE_LOCAL[4];
const NODE_CACHE = "node-local-dns";

/**
 * What one client may lose by UDP and by TCP, and who answers afterwards. A connection breaks with
 * the process that has it; on a busy machine who comes again may meet that end a second time.
 */
interface Expected {
  readonly udp: number;
  readonly tcp: number;
  readonly by: "nodens" | "kube-dns";
}

/** A node, what was on it before anybody came, and who asks there. */
interface BusyPlace {
  readonly name: string;
  readonly lab: Lab;
  readonly untouched: string;
  readonly clients: BusyNode;
}

export async function playCluster(stage: Stage, ending: Ending): Promise<void> {
  stage.say(`
This machine plays a cluster of two nodes, in network namespaces, with kube-proxy's rules and
kube-dns. The API server is one of paper; kubectl is real, and so are the containers. On each node a
pod asks ${SERVICE} all the time, by UDP and TCP, and what it is not answered is counted.`);
  const play = await createPlayCluster(ending);
  const operator = new Operator(ending, play.cluster);
  const places: BusyPlace[] = [];
  for (const [name, lab] of play.labs) {
    const untouched = await lab.snapshot();
    places.push({ name, lab, untouched, clients: await BusyNode.start(lab, [SERVICE], ["pod"]) });
  }
  const show = async (command: string, done: Promise<Finished>, expected: Expected) => {
    const { code, stdout, stderr } = await done;
    stage.say(`\n  $ ${command}`);
    stage.say(`${stdout}${stderr}`.trimEnd().replace(/^/gm, "  │ "));
    stage.fact(code === 0, "it ended well", `exit code ${code}`);
    await showAnswers(stage, places, expected);
  };

  stage.title("1. Install");
  await showAnswers(stage, places, { udp: 0, tcp: 0, by: "kube-dns" });
  const image = (tag: number) => ({ NODENS_IMAGE: IMAGES[tag] });
  const install = "cd hack && cp configmap.yaml.sample configmap.yaml && ./install.sh";
  operator.copySample();
  // Connections that led to kube-dns end there.
  await show(install, operator.install(), { udp: 0, tcp: 2, by: "nodens" });

  stage.title("2. Remove");
  await show("./uninstall.sh", operator.uninstall(), { udp: 0, tcp: 2, by: "kube-dns" });
  await showUntouched(stage, play, places);

  stage.title("3. Take the place of node-cache");
  await play.addNodeCache(`${LINK_LOCAL},${SERVICE}`);
  stage.say("node-cache is in the cluster now (a stand-in that does to a node what it does).\n");
  await showAnswers(stage, places, { udp: 0, tcp: 2, by: "nodens" });
  operator.removeConfig();
  // What lies in node-cache's sockets when it ends is lost with them.
  await show("./install.sh", operator.install(), { udp: 1, tcp: 2, by: "nodens" });
  const isGone = play.cluster.store.get("DaemonSet", NODE_CACHE) === null;
  stage.fact(isGone, "node-cache is gone, and nobody has gone without DNS");

  stage.title("4. Upgrade");
  const upgrade = operator.install({ env: image(1) });
  await show(`NODENS_IMAGE=${IMAGES[1]} ./install.sh`, upgrade, { udp: 0, tcp: 2, by: "nodens" });

  stage.title("5. Back to node-cache, and away with that");
  const back = operator.uninstall({ args: ["--restore"] });
  await show("./uninstall.sh --restore", back, { udp: 0, tcp: 2, by: "nodens" });
  await play.removeNodeCache();
  await showAnswers(stage, places, { udp: 1, tcp: 2, by: "kube-dns" });
  await showUntouched(stage, play, places);

  stage.title("6. A node whose nodens dies, and the removal there");
  await show("./install.sh", operator.install(), { udp: 0, tcp: 2, by: "nodens" });
  const dead = places[1]!;
  play.killOn(dead.name);
  await showAnswers(stage, [dead], { udp: 1, tcp: 6, by: "kube-dns" });
  const left = (await dead.lab.rules(4)).filter((rule) => rule.includes('"nodens: '));
  stage.fact(
    left.length > 0,
    `${left.length} rules are left on ${dead.name}, and lead nobody astray`,
  );
  const force = operator.uninstall({ args: ["--force-cleanup"] });
  await show("./uninstall.sh --force-cleanup", force, { udp: 0, tcp: 2, by: "kube-dns" });
  await showUntouched(stage, play, places);
  for (const { clients } of places) await clients.stop();
}

async function showAnswers(
  stage: Stage,
  places: readonly BusyPlace[],
  { udp, tcp, by }: Expected,
): Promise<void> {
  const all = await Promise.all(places.map(({ clients }) => clients.settle()));
  const sum = (count: (seen: Seen) => number) =>
    all.reduce((total, seen) => total + count(seen), 0);
  const most = (count: (seen: Seen) => number) => Math.max(...all.map(count));
  const isRight =
    most((seen) => seen.udp.lostMax) <= udp &&
    most((seen) => seen.tcp.lostMax) <= tcp &&
    sum((seen) => seen.all.errors) === 0;
  const asked = sum((seen) => seen.all.asked);
  const lost = `${sum((seen) => seen.udp.lost)} lost by UDP, ${sum((seen) => seen.tcp.lost)} by TCP`;
  stage.fact(
    isRight,
    `${asked} queries meanwhile: ${lost}`,
    all.map(({ text }) => text).join("\n"),
  );
  const now = await Promise.all(places.map(({ clients }) => clients.settle()));
  const isBy = now.every(({ all: { asked: total, byNodens, byKubeDns } }) =>
    by === "nodens" ? byNodens === total : byKubeDns === total,
  );
  const whose = by === "nodens" ? "on the node itself" : "by kube-dns";
  stage.fact(isBy, `now every query is answered ${whose}`, now.map(({ text }) => text).join("\n"));
}

/** Rules, links, addresses and routes of the nodes, and the objects of the cluster. */
async function showUntouched(
  stage: Stage,
  { cluster, objectsBefore }: PlayCluster,
  places: readonly BusyPlace[],
): Promise<void> {
  for (const { name, lab, untouched } of places) {
    const isSame = (await lab.snapshot()) === untouched;
    stage.fact(isSame, `${name} has the rules, links, addresses and routes that it had before`);
  }
  const left = cluster.store.names().filter((one) => !objectsBefore.includes(one));
  stage.fact(left.length === 0, "nothing is left in the cluster", left.join());
}
