import assert from "node:assert/strict";
import { test } from "node:test";
import { SCOPES_MAX } from "../limits.ts";
import { SCOPE_OVERFLOW, ScopeNumbers, scopeRow } from "./scope_numbers.ts";

const labels = (zone: string, server = "dns://:53", view = "") => ({ server, zone, view });

test("ScopeNumbers.numberOf() numbers each server, zone and view once, for ever", () => {
  const scopes = new ScopeNumbers();
  scopes.beginPlan();
  assert.equal(scopes.numberOf(labels(".")), 0);
  assert.equal(scopes.numberOf(labels("example.org.")), 1);
  assert.equal(scopes.numberOf(labels(".", "dns://192.0.2.1:53")), 2);
  assert.equal(scopes.numberOf(labels(".", "dns://:53", "inside")), 3);
  scopes.beginPlan();
  assert.equal(scopes.numberOf(labels("example.com.")), 4);
  assert.equal(scopes.numberOf(labels("example.org.")), 1);
  assert.deepEqual(scopes.labels[2], labels(".", "dns://192.0.2.1:53"));
});

test("ScopeNumbers.numberOf() tells scopes beyond the last row apart, and counts them together", () => {
  const scopes = new ScopeNumbers();
  scopes.beginPlan();
  for (let zone = 0; zone < SCOPES_MAX; zone++) scopes.numberOf(labels(`z${zone}.`));
  assert.equal(scopes.overflowCount, 0);
  const [first, second] = [scopes.numberOf(labels("a.")), scopes.numberOf(labels("b."))];
  assert.notEqual(first, second);
  assert.equal(scopes.numberOf(labels("a.")), first);
  assert.deepEqual([first, second].map(scopeRow), [SCOPE_OVERFLOW, SCOPE_OVERFLOW]);
  assert.equal(scopeRow(scopes.numberOf(labels("z1."))), 1);
  assert.equal(scopes.overflowCount, 2);
  assert.equal(scopes.labels.length, SCOPES_MAX);
  scopes.beginPlan();
  assert.equal(scopes.overflowCount, 0);
});
