/*
 * certs.mjs: certificates for tests, made on the spot with the openssl program.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const openssl = (dir, ...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });

export function has_openssl() {
  try {
    return openssl('.', 'version').length > 0;
  } catch {
    return false;
  }
}

/* An authority of our own: gives the path of its PEM file. */
export function make_authority(dir, name = 'ca') {
  openssl(dir, 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=Test authority ${name}`,
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign');
  return path.join(dir, `${name}.pem`);
}

/* A server's certificate for `names` ("IP:127.0.0.1,DNS:localhost"), signed by `authority`. */
export function make_certificate(dir, name, names, { authority = 'ca', days = '2', begin, end } = {}) {
  writeFileSync(path.join(dir, `${name}.ext`), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  openssl(dir, 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
  if (begin) {
    writeFileSync(path.join(dir, `${name}.cnf`), '[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n'
      + 'unique_subject=no\n[p]\ncommonName=supplied\n');
    writeFileSync(path.join(dir, 'index.txt'), '');
    writeFileSync(path.join(dir, 'serial'), '1000\n');
    openssl(dir, 'ca', '-batch', '-config', `${name}.cnf`, '-in', `${name}.csr`, '-out', `${name}.pem`, '-cert', `${authority}.pem`, '-keyfile', `${authority}.key`,
      '-startdate', begin, '-enddate', end, '-extfile', `${name}.ext`, '-notext');
  } else {
    openssl(dir, 'x509', '-req', '-in', `${name}.csr`, '-CA', `${authority}.pem`, '-CAkey', `${authority}.key`, '-CAcreateserial',
      '-days', days, '-extfile', `${name}.ext`, '-out', `${name}.pem`);
  }
  return { key: readFileSync(path.join(dir, `${name}.key`)), cert: readFileSync(path.join(dir, `${name}.pem`)) };
}
