import { test } from "node:test";
import { churn } from "./support/churn.ts";

const STARTS = Number(process.env.STARTS ?? 50);
const SEED = Number(process.env.SEED ?? Date.now() % 100_000);

test(`${STARTS} starts and stops, a third killed half-way, leave nothing (SEED=${SEED})`, async (context) => {
  const { starts, killed } = await churn(context, STARTS, SEED);
  context.diagnostic(`${starts} starts, ${killed} of them killed: nothing is left`);
});
