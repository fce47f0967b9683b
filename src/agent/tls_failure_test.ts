import assert from "node:assert/strict";
import { test } from "node:test";
import { tlsFailure } from "./tls_failure.ts";

function failure(code: string | undefined, message = "it went wrong", parts: object = {}): string {
  return tlsFailure(Object.assign(new Error(message), { code }, parts), "dns.example.org");
}

test("tlsFailure() says in plain words why, and the way out", () => {
  assert.equal(failure("CERT_HAS_EXPIRED"), "its certificate has expired");
  assert.equal(failure("ECONNREFUSED"), "connection refused");
  assert.match(failure("SELF_SIGNED_CERT_IN_CHAIN"), /not trusted: name the authority's file/);
  assert.match(failure("ECONNRESET"), /closed the connection during the handshake/);
});

test("tlsFailure() says which names the certificate has", () => {
  const cert = { subjectaltname: "DNS:a.example.org, IP Address:192.0.2.1" };
  assert.equal(
    failure("ERR_TLS_CERT_ALTNAME_INVALID", "", { cert }),
    'its certificate is not for "dns.example.org" but for a.example.org, 192.0.2.1: write the right one by tls_servername',
  );
  assert.equal(
    failure("ERR_TLS_CERT_ALTNAME_INVALID"),
    'its certificate is not for "dns.example.org": write the right one by tls_servername',
  );
});

test("tlsFailure() passes on what it does not know", () => {
  assert.equal(failure("EODD", "odd thing"), "odd thing");
  assert.equal(failure(undefined, "no answer in time"), "no answer in time");
  assert.equal(failure("constructor", "odd thing"), "odd thing");
});
