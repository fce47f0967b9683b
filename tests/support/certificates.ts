/** A certificate authority for one test, made by openssl. */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUp, type Ending } from "./clean_up.ts";

/** Why tests with certificates cannot run here; false when they can. */
export const WITHOUT_OPENSSL =
  spawnSync("openssl", ["version"]).status === 0 ? false : "openssl is not installed";

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertificateOptions {
  /** `DNS:dns.example.org,IP:127.0.0.1`. */
  readonly names: string;
  /** As openssl writes them; default from an hour ago for ten years. */
  readonly validity?: readonly [notBefore: string, notAfter: string];
  /** Default "serverAuth". */
  readonly usage?: string;
}

export class Authority {
  readonly caFile: string;
  readonly #folder: string;
  #count = 0;

  constructor(context: Ending) {
    this.#folder = mkdtempSync(join(tmpdir(), "nodens-ca-"));
    cleanUp(context, () => rmSync(this.#folder, { recursive: true }));
    this.caFile = this.#path("ca.pem");
    this.#openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", this.#path("ca.key"), "-out", this.caFile, "-days", "3650"],
      ...["-subj", "/CN=Test authority"],
    );
  }

  /** A certificate by this authority, and its key. */
  issue({ names, validity, usage = "serverAuth" }: CertificateOptions): Certificate {
    this.#count += 1;
    const [keyFile, request, certFile, extensions] = ["key", "csr", "pem", "ext"].map((ending) =>
      this.#path(`${this.#count}.${ending}`),
    ) as [string, string, string, string];
    this.#openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", keyFile, "-out", request, "-subj", `/CN=Test ${this.#count}`],
    );
    const settings = [
      "[ca]",
      "default_ca = d",
      "[d]",
      `new_certs_dir = ${this.#folder}`,
      `database = ${this.#path(`${this.#count}.database`)}`,
      `serial = ${this.#path(`${this.#count}.serial`)}`,
      `certificate = ${this.caFile}`,
      `private_key = ${this.#path("ca.key")}`,
      "default_md = sha256",
      "policy = p",
      "x509_extensions = x",
      "unique_subject = no",
      "[p]",
      "commonName = supplied",
      "[x]",
      `subjectAltName = ${names}`,
      `extendedKeyUsage = ${usage}`,
    ];
    writeFileSync(extensions, `${settings.join("\n")}\n`);
    writeFileSync(this.#path(`${this.#count}.database`), "");
    writeFileSync(this.#path(`${this.#count}.serial`), `0${this.#count}\n`);
    const [notBefore, notAfter] = validity ?? ["20200101000000Z", "20991231000000Z"];
    this.#openssl(
      ...["ca", "-batch", "-notext", "-config", extensions, "-in", request, "-out", certFile],
      ...["-startdate", notBefore, "-enddate", notAfter],
    );
    return { certFile, keyFile };
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #openssl(...parameters: string[]): void {
    execFileSync("openssl", parameters, { stdio: "pipe" });
  }
}
