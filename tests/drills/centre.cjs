// An operator's centre by another hand: the server of npm's `smpp`, for `make drill-gateways ARGS="--centre FOLDER"`.
//
// node centre.cjs        NODE_PATH names the folder with the package; prints its address, ends when its input does
//
// It answers after 60 ms and throttles 2 in 100; each receipt comes twice, in any order within two seconds, and again
// until it is acknowledged. Over HTTP it has the simulator's routes: /_stats, /_ledger, /_settings, /_faults, /_smpp/cut.
const http = require('http');
const smpp = require('smpp');

const LATENCY_MS = 60, THROTTLED_OF_100 = 2, RECEIPT_WITHIN_MS = 2000, AGAIN_AFTER_MS = 3000;
const sessions = new Set();
const ledger = [];
let throttled = 0, pending = 0, ids = 0x1000;

function receiver() {
  const open = [...sessions].filter((session) => session.receives);
  return open[Math.floor(Math.random() * open.length)];
}

function tell(id, to, from) {
  const session = receiver();
  if (!session) return setTimeout(tell, 200, id, to, from);
  let answered = false;
  const again = () => { if (!answered) { answered = true; tell(id, to, from); } };
  const timer = setTimeout(again, AGAIN_AFTER_MS);
  session.deliver_sm({
    source_addr: to, destination_addr: from, esm_class: 4,
    short_message: `id:${id} sub:001 dlvrd:001 submit date:2011270800 done date:2011270801 stat:DELIVRD err:000 text:`,
  }, (answer) => {
    if (answered) return;
    clearTimeout(timer);
    if (answer.command_status) return again();
    answered = true;
    pending -= 1;
  });
}

const centre = smpp.createServer((session) => {
  sessions.add(session);
  session.on('bind_transceiver', (pdu) => { session.receives = true; session.send(pdu.response({ system_id: 'centre' })); });
  session.on('bind_receiver', (pdu) => { session.receives = true; session.send(pdu.response({ system_id: 'centre' })); });
  session.on('bind_transmitter', (pdu) => session.send(pdu.response({ system_id: 'centre' })));
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.receives = false; session.send(pdu.response()); });
  session.on('submit_sm', (pdu) => {
    if (Math.random() * 100 < THROTTLED_OF_100) {
      throttled += 1;
      return session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
    }
    const header = pdu.short_message && pdu.short_message.udh && Buffer.concat([].concat(pdu.short_message.udh));
    const to = pdu.destination_addr, id = (ids += 1).toString(16);
    // A message in parts counts by its first one: the header's last octet.
    if (!header || header[header.length - 1] === 1) ledger.push({ To: `+${to.replace(/^\+/, '')}` });
    setTimeout(() => { if (sessions.has(session)) session.send(pdu.response({ message_id: id })); }, LATENCY_MS);
    for (let time = 0; time < 2; time += 1) {
      pending += 1;
      setTimeout(tell, LATENCY_MS + Math.random() * RECEIPT_WITHIN_MS, id, to, pdu.source_addr);
    }
  });
  session.on('close', () => sessions.delete(session));
  session.on('error', () => sessions.delete(session));
});

function cut() {
  const open = [...sessions];
  for (const session of open) { sessions.delete(session); session.destroy(); }
  return open.length;
}

const control = http.createServer((request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/_ledger') return response.end(ledger.map((line) => JSON.stringify(line)).join('\n'));
  const found = {
    '/_stats': () => ({ accepted: ledger.length, throttled, callbacks_pending: pending }),
    '/_settings': () => ({ smpp_port: centre.address().port, smpp_receivers: [...sessions].filter((s) => s.receives).length }),
    '/_smpp/cut': () => ({ cut: cut() }),
    '/_faults': () => ({}),
  }[path];
  response.statusCode = found ? 200 : 404;
  return response.end(JSON.stringify(found ? found() : {}));
});

centre.listen(0, '127.0.0.1', () => control.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${control.address().port}`);
}));
process.stdin.on('end', () => process.exit(0)).resume();
