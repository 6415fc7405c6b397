// Shows what waits to be sent, on every page, and sends it when that may succeed. Lets the browser keep the pages.
"use strict";

muara.waiting = (() => {
  const { queue } = muara;
  const { channel, csrf, office, officer, officeName } = document.body.dataset;
  const at = (id) => document.getElementById(id);
  let timer;
  let failures = 0;

  // The officer who is signed in, or was last, on a page that came without a network; there `known` says when that was read.
  let present = csrf ? { office, officer, officeName } : null;
  const who = () => present;
  const read = async () => (present = (await queue.officer().catch(() => null)) ?? null);
  const known = csrf || !queue ? Promise.resolve() : read();

  const time = (iso) =>
    new Date(iso).toLocaleTimeString("id", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Jakarta" });

  function told(halt) {
    switch (halt?.name) {
      case "offline":
        return "Tidak ada jaringan. Laporan tersimpan di peramban ini dan dikirim sendiri setelah tersambung.";
      case "signed-out":
        return "Sesi berakhir. Masuk lagi untuk mengirim; laporan tetap tersimpan.";
      case "busy":
        return "Sistem sedang sibuk. Laporan tersimpan dan dicoba lagi sebentar lagi.";
      default:
        return "";
    }
  }

  function why(entry) {
    if (entry.refused) return [entry.refused.detail, ...entry.refused.errors.map((error) => error.detail)].join(" ");
    if (entry.office !== who()?.office) return `Dikirim setelah petugas ${entry.officeName} masuk.`;
    return "";
  }

  function row(entry) {
    const row = at("waiting-row").content.cloneNode(true);
    const part = (name) => row.querySelector(`[data-${name}]`);
    part("local").textContent = entry.local;
    part("what").textContent = `${time(entry.at)} · ${entry.words.category || "Laporan"}`;
    part("why").textContent = why(entry);
    part("slip").onclick = () => muara.slip(entry);
    part("mend").onclick = () => muara.mend(entry);
    part("discard").onclick = async () => {
      if (!confirm(`Buang laporan ${entry.local}? Isinya hilang dan tidak terkirim.`)) return;
      await queue.discard(entry.seq);
      show();
    };
    // the words and the form are on one page only
    part("slip").hidden = Boolean(entry.refused) || !muara.slip;
    part("mend").hidden = !entry.refused || !muara.mend;
    part("discard").hidden = !entry.refused;
    return row;
  }

  const receipt = (reference) => {
    const link = document.createElement("a");
    link.href = `/desk/${channel}/receipts/${reference}`;
    link.textContent = reference;
    return link;
  };

  // The local receipt that is open, once its entry has its own number.
  function tellSlip(sent) {
    const done = sent.find(({ local }) => local === at("local")?.textContent);
    if (done) at("slip-note").replaceChildren("Sudah terkirim. Nomor laporan resmi: ", receipt(done.reference));
  }

  async function show(halt) {
    await known;
    const entries = (await queue.entries()).filter((entry) => entry.seq !== muara.mending);
    const sent = await queue.sent();
    at("waiting").hidden = entries.length === 0;
    at("waiting-count").textContent = entries.length;
    at("waiting-state").textContent = told(halt);
    at("waiting-send").hidden = entries.every((entry) => entry.refused);
    // a page that came without a network, which is there again
    if (at("no-network")) at("no-network").hidden = queue.isReached();
    at("waiting-list").replaceChildren(...entries.map(row));
    at("sent").hidden = sent.length === 0;
    at("sent-list").replaceChildren(
      ...sent.map(({ local, reference }) => {
        const line = document.createElement("li");
        line.append(`${local} → `, receipt(reference));
        return line;
      }),
    );
    tellSlip(sent);
    return entries.some((entry) => !entry.refused);
  }

  async function flush() {
    clearTimeout(timer);
    const halt = await queue.flush();
    const more = await show(halt);
    failures = halt ? failures + 1 : 0;
    // a page whose officer must sign in is left by doing so
    if (more && halt?.name !== "signed-out") {
      const seconds = halt?.wait || Math.min(60, 5 * 2 ** failures);
      timer = setTimeout(flush, seconds * 1000);
    }
  }

  function keepPages() {
    if (!navigator.serviceWorker || !csrf) return;
    navigator.storage?.persist?.();
    navigator.serviceWorker.register("/desk/-/worker.js", { scope: "/desk/" });
    navigator.serviceWorker.ready.then(({ active }) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => (document.documentElement.dataset.offline = data);
      active.postMessage(`/desk/${channel}/offline`, [port2]);
    });
  }

  if (!queue) return { who, known };
  if (csrf) queue.signedIn(present).catch(() => {});
  document.querySelector("form.who")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    await queue.signedOut().catch(() => {});
    event.target.submit();
  });
  at("waiting-send").addEventListener("click", flush);
  window.addEventListener("online", flush);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && flush());
  keepPages();
  // after the scripts that come behind this one
  window.addEventListener("DOMContentLoaded", flush);
  return { who, known, flush, show, time };
})();
