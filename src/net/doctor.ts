/** `nodens doctor`: everything about this machine that interception depends on. */

import { type Check, type Facts, type Finding, note, type Subject } from "./doctor_facts.ts";
import { checkBackend, checkLeftovers, checkLock } from "./doctor_iptables.ts";
import {
  checkCapabilities,
  checkIpv6,
  checkKernel,
  checkLeases,
  checkOpenFiles,
} from "./doctor_kernel.ts";
import { checkListeners } from "./doctor_listeners.ts";
import {
  checkConntrack,
  checkForwarding,
  checkKubeProxy,
  checkLink,
  checkResolver,
  checkReversePath,
} from "./doctor_network.ts";

/** In the order in which they are told. */
const CHECKS: readonly Check[] = [
  checkKernel,
  checkCapabilities,
  checkLeases,
  checkOpenFiles,
  checkIpv6,
  checkLink,
  checkBackend,
  checkLeftovers,
  checkLock,
  checkKubeProxy,
  checkListeners,
  checkReversePath,
  checkForwarding,
  checkConntrack,
  checkResolver,
];

/** Looks at everything. Changes nothing, needs no daemon, and never rejects. */
export async function examine(facts: Facts, subject: Subject): Promise<Finding[]> {
  const findings = await Promise.all(CHECKS.map((check) => runCheck(check, facts, subject)));
  return findings.flat();
}

async function runCheck(check: Check, facts: Facts, subject: Subject): Promise<Finding[]> {
  try {
    return await check(facts, subject);
  } catch (error) {
    // A machine stranger than we thought must not hide what else there is to say.
    const found = `cannot be done: ${error instanceof Error ? error.message : String(error)}`;
    return [note(check.name, found, "please report this")];
  }
}
