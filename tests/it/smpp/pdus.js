// Writes the PDUs of the fixtures with an SMPP library that is not ours: `NODE_PATH=… node pdus.js FOLDER` writes
// FOLDER/<case>/request.http for each case below.
'use strict';
const fs = require('fs');
const path = require('path');
const smpp = require('smpp');

const FROM = { source_addr_ton: 1, source_addr_npi: 1, source_addr: '6281234567890', dest_addr_npi: 1, destination_addr: '1708', data_coding: 0 };
let sequence = 100;
const pdu = (options) => {
  const whole = new smpp.PDU('deliver_sm', { ...FROM, ...options });
  whole.sequence_number = ++sequence;
  return whole.toBuffer();
};
const text = (message, data_coding = 0) => pdu({ data_coding, short_message: { message } });
const ucs2 = (message) => Buffer.from(message, 'utf16le').swap16();
const udh8 = (reference, total, number) => Buffer.from([5, 0, 3, reference, total, number]);
const udh16 = (reference, total, number) => Buffer.from([6, 8, 4, reference >> 8, reference & 255, total, number]);
const part = (udh, message, data_coding) => pdu({ data_coding, short_message: { udh, message: Buffer.from(message) } });
const sar = (number, message) => pdu({
  short_message: { message }, sar_msg_ref_num: 4660, sar_total_segments: 2, sar_segment_seqnum: number,
});

// septets as on the air, after so many octets of header
const packed = (message, header) => {
  let bits = '';
  for (const c of message) bits = c.charCodeAt(0).toString(2).padStart(7, '0') + bits;
  bits += '0'.repeat((7 - (header * 8) % 7) % 7);
  bits = bits.padStart(Math.ceil(bits.length / 8) * 8, '0');
  return Buffer.from(bits.match(/.{8}/g).reverse().map((octet) => parseInt(octet, 2)));
};

const LAMP = 'Lampu jalan mati di Jl. Senen Raya RT 003/RW 02, gelap & rawan.';
const GSM7 = '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./09:;<=>?¡AZÄÖÑÜ§¿azäöñüà ^{}\\[~]|€';
const FLOOD = ucs2('Banjir 🌊 di Kampung Melayu');
const RECEIPT = 'id:0A1B2C sub:001 dlvrd:001 submit date:2611031010 done date:2611031011 stat:DELIVRD err:000 text:stat:EXPIRED';
const broken = text(LAMP).subarray(0, 60);
broken.writeUInt32BE(60, 0);

const cases = {
  ok: [text(LAMP)],
  redelivered: [text(LAMP)],
  malformed: [broken],
  irrelevant: [pdu({ esm_class: 0x08, short_message: { message: 'ack' } })],
  gsm7: [text(GSM7)],
  ucs2: [text('Jalan berlubang “parah” di Kemang – tolong 🙏', 8)],
  // the vector that every description of the packing has: hellohello
  packed: [pdu({ short_message: Buffer.from('E8329BFD4697D9EC37', 'hex') })],
  packed_parts: [
    pdu({ short_message: { udh: udh8(3, 2, 1), message: packed('Banjir setinggi lutut ', 6) } }),
    pdu({ short_message: { udh: udh16(3, 2, 2), message: packed('di Kampung Pulo', 7) } }),
  ],
  latin1: [pdu({ data_coding: 3, short_message: Buffer.from('Café di Jl. Sabang membuang limbah ke saluran', 'latin1') })],
  flash: [pdu({ data_coding: 0x10, short_message: { message: 'Pohon tumbang di Cikini' } })],
  binary: [pdu({ data_coding: 4, short_message: Buffer.from([0, 1, 2, 255]) })],
  not_gsm7: [pdu({ short_message: Buffer.from('Café', 'latin1') })],
  // the emoji lies across the two parts
  parts_udh8_out_of_order: [part(udh8(7, 2, 2), FLOOD.subarray(16), 8), part(udh8(7, 2, 1), FLOOD.subarray(0, 16), 8)],
  // the euro sign's escape ends one part
  parts_udh16: [
    part(udh16(513, 3, 3), ' di Pasar Baru', 0), part(udh16(513, 3, 1), 'Pungli 5 \x1b', 0), part(udh16(513, 3, 2), 'e per hari', 0),
  ],
  parts_sar: [sar(2, 'di depan SDN 01 Menteng'), sar(1, 'Sampah menumpuk ')],
  parts_missing: [part(udh8(9, 4, 1), 'Air PAM mati', 0), part(udh8(9, 4, 4), 'sejak Senin', 0)],
  payload: [pdu({ short_message: Buffer.alloc(0), message_payload: { message: LAMP.repeat(6) } })],
  header_too_long: [pdu({ esm_class: 0x40, short_message: Buffer.from([200, 0, 3, 1, 2]) })],
  short_code: [pdu({ source_addr_ton: 3, source_addr_npi: 0, source_addr: '8080', short_message: { message: 'Pulsa Anda habis di Jakarta' } })],
  national: [pdu({ source_addr_ton: 2, source_addr: '81234567890', short_message: { message: 'Lampu mati di Senen' } })],
  name: [pdu({ source_addr_ton: 5, source_addr_npi: 0, source_addr: 'TELKOMSEL', short_message: { message: 'Promo di Jakarta' } })],
  receipt: [pdu({ esm_class: 4, receipted_message_id: 'a1b2', message_state: 2, short_message: { message: '' } })],
  receipt_text: [pdu({ esm_class: 4, short_message: { message: RECEIPT } })],
  receipt_hex: [pdu({ esm_class: 4, short_message: { message: RECEIPT } })],
  receipt_failed: [pdu({ esm_class: 4, short_message: { message: 'ID:77 Stat:UNDELIV Err:011 done date:261103101159' } })],
  receipt_unclear: [pdu({ esm_class: 4, short_message: { message: 'id:77 stat:UNKNOWN err:000' } })],
  receipt_without_id: [pdu({ esm_class: 4, short_message: { message: 'stat:DELIVRD' } })],
};

for (const [name, pdus] of Object.entries(cases)) {
  const folder = path.join(process.argv[2], name);
  fs.mkdirSync(folder, { recursive: true });
  const body = JSON.stringify({ pdus: pdus.map((one) => one.toString('hex')) });
  fs.writeFileSync(path.join(folder, 'request.http'), `POST /in/smpp HTTP/1.1\nContent-Type: application/json\nContent-Length: ${body.length}\n\n${body}`);
}
