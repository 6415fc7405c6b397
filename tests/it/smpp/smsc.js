// An SMS centre to test against: the server of an SMPP library that is not ours, driven by one JSON object a line on
// standard input, telling on standard output what it sees.
'use strict';
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const say = (event) => process.stdout.write(JSON.stringify(event) + '\n');
// `submit_sm` statuses to give, first come first served; then 0
const statuses = [];
let password = 'rahasia';
let session = null;
let deaf = false;
let ids = 0;

// with TLS where a key and a certificate are given
const [port, key, cert] = process.argv.slice(2);
const server = smpp.createServer(key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {}, (arrived) => {
  arrived.on('error', () => {});
  arrived.on('close', () => say({ event: 'closed' }));
  arrived.on('bind_transceiver', (pdu) => {
    if (pdu.password !== password) {
      arrived.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      arrived.close();
      return;
    }
    session = arrived;
    arrived.send(pdu.response());
    say({ event: 'bound', system_id: pdu.system_id, version: pdu.interface_version });
  });
  arrived.on('enquire_link', (pdu) => {
    if (deaf) return;
    arrived.send(pdu.response());
    say({ event: 'enquired' });
  });
  arrived.on('unbind', (pdu) => {
    arrived.send(pdu.response(), () => arrived.close());
    say({ event: 'unbind' });
  });
  arrived.on('submit_sm', (pdu) => {
    if (deaf) return;
    const status = statuses.shift() || 0;
    const message_id = status ? '' : `id-${++ids}`;
    const text = pdu.short_message || {};
    const { source_addr, source_addr_ton, destination_addr, dest_addr_ton, dest_addr_npi, data_coding, registered_delivery } = pdu;
    const { sar_msg_ref_num, sar_total_segments, sar_segment_seqnum } = pdu;
    const udh = text.udh ? text.udh.map((element) => element.toString('hex')) : undefined;
    say({
      event: 'submit', status, message_id, source_addr, source_addr_ton, destination_addr, dest_addr_ton, dest_addr_npi,
      data_coding, registered_delivery, sar_msg_ref_num, sar_total_segments, sar_segment_seqnum, udh,
      text: text.message, payload: pdu.message_payload && pdu.message_payload.message,
    });
    arrived.send(pdu.response({ command_status: status, message_id }));
  });
  arrived.on('generic_nack', (pdu) => say({ event: 'nack', status: pdu.command_status }));
});

const buffers = (options) => {
  const pdu = { source_addr_ton: 1, source_addr_npi: 1, source_addr: '6281234567890', destination_addr: '1708', data_coding: 0, ...options };
  if (pdu.udh || pdu.hex) {
    pdu.short_message = { udh: Buffer.from(pdu.udh || '', 'hex'), message: pdu.hex ? Buffer.from(pdu.hex, 'hex') : pdu.short_message };
  }
  delete pdu.udh;
  delete pdu.hex;
  return pdu;
};

const commands = {
  deliver: ({ tag, pdu }) => session.deliver_sm(buffers(pdu), (answer) => say({ event: 'answered', tag, status: answer.command_status })),
  enquire: () => session.enquire_link(() => say({ event: 'alive' })),
  query: () => session.query_sm({ message_id: '1' }),
  raw: ({ hex }) => session.socket.write(Buffer.from(hex, 'hex')),
  statuses: ({ give }) => statuses.push(...give),
  password: ({ is }) => { password = is; },
  deaf: () => { deaf = true; },
  hear: () => { deaf = false; },
  unbind: () => session.unbind(() => say({ event: 'unbound' })),
  disconnect: () => session.destroy(),
};

readline.createInterface({ input: process.stdin })
  .on('line', (line) => { const command = JSON.parse(line); commands[command.do](command); say({ event: 'done' }); })
  .on('close', () => process.exit());
server.listen(Number(port), '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
