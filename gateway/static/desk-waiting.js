// Shows what waits to be sent, on every page, and sends it when that may succeed. Lets the browser keep the pages.
"use strict";

muara.waiting = (() => {
  const { queue } = muara;
  const { channel, csrf, office, officer, officeName } = document.body.dataset;
  const at = (id) => document.getElementById(id);
  const remembered = `muara-desk-${channel}`;
  let timer;
  let failures = 0;

  // The officer who is signed in, or was last, on a page that came without a network.
  function who() {
    if (csrf) return { office, officer, officeName };
    try {
      return JSON.parse(localStorage.getItem(remembered));
    } catch {
      return null;
    }
  }

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

  async function show(halt) {
    const entries = (await queue.entries()).filter((entry) => entry.seq !== muara.mending);
    const sent = await queue.sent();
    at("waiting").hidden = entries.length === 0;
    at("waiting-count").textContent = entries.length;
    at("waiting-state").textContent = told(halt);
    at("waiting-list").replaceChildren(...entries.map(row));
    at("sent").hidden = sent.length === 0;
    at("sent-list").replaceChildren(
      ...sent.map(({ local, reference }) => {
        const [line, link] = [document.createElement("li"), document.createElement("a")];
        link.href = `/desk/${channel}/receipts/${reference}`;
        link.textContent = reference;
        line.append(`${local} → `, link);
        return line;
      }),
    );
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

  if (!queue) return { who };
  if (csrf) localStorage.setItem(remembered, JSON.stringify(who()));
  document.querySelector("form.who")?.addEventListener("submit", () => localStorage.removeItem(remembered));
  at("waiting-send").addEventListener("click", flush);
  window.addEventListener("online", flush);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && flush());
  keepPages();
  // after the scripts that come behind this one
  window.addEventListener("DOMContentLoaded", flush);
  return { who, flush, show, time };
})();
