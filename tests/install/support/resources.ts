/** The kinds of objects that the fake API server knows, and how objects look to it. */

/** As in JSON; what is not named here is there all the same and is kept as it is. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
  spec?: Fields;
  status?: Fields;
  data?: Record<string, string>;
  [field: string]: unknown;
}

export type Fields = Record<string, unknown>;

export interface Metadata {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: { uid: string; name: string; kind: string; controller?: boolean }[];
}

export interface Resource {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly isNamespaced: boolean;
}

/** What people write for short. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  configmaps: "cm",
  daemonsets: "ds",
  nodes: "no",
  pods: "po",
  serviceaccounts: "sa",
  services: "svc",
};

const CORE: readonly (readonly [string, string, boolean])[] = [
  ["configmaps", "ConfigMap", true],
  ["nodes", "Node", false],
  ["pods", "Pod", true],
  ["serviceaccounts", "ServiceAccount", true],
  ["services", "Service", true],
];

export const RESOURCES: readonly Resource[] = [
  ...CORE.map(([plural, kind, isNamespaced]) => ({
    ...{ group: "", version: "v1", plural, kind, isNamespaced },
  })),
  { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", isNamespaced: true },
  {
    ...{ group: "apps", version: "v1", plural: "controllerrevisions" },
    ...{ kind: "ControllerRevision", isNamespaced: true },
  },
];

export function apiVersionOf({ group, version }: Resource): string {
  return group === "" ? version : `${group}/${version}`;
}

/** @throws {Error} for a kind that is not in the table. */
export function resourceOf(kind: string): Resource {
  const found = RESOURCES.find((resource) => resource.kind === kind);
  if (found === undefined) throw new Error(`The fake API server knows no ${kind}`);
  return found;
}

/** Of `GET /api/v1` and `GET /apis/apps/v1`. */
export function resourceList(group: string, version: string): unknown {
  const known = RESOURCES.filter((one) => one.group === group && one.version === version);
  return {
    ...{ kind: "APIResourceList", apiVersion: "v1" },
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: known.map(({ plural, kind, isNamespaced }) => ({
      ...{ name: plural, singularName: kind.toLowerCase(), namespaced: isNamespaced, kind },
      ...(plural in SHORT_NAMES ? { shortNames: [SHORT_NAMES[plural]] } : {}),
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    })),
  };
}

/** Of `GET /apis`. */
export function groupList(): unknown {
  const groups = ["apps", "authorization.k8s.io"].map((name) => {
    const version = { groupVersion: `${name}/v1`, version: "v1" };
    return { name, versions: [version], preferredVersion: version };
  });
  return { kind: "APIGroupList", apiVersion: "v1", groups };
}
