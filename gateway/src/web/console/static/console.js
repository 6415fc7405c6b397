// Keeps the page true: when the gateway says that something has changed, the parts that show it are asked for again.
// Without this script the pages work the same and are true when they are loaded.
(() => {
  "use strict";
  const address = document.body.dataset.live;
  const sign = document.getElementById("live");
  const BACK_AGAIN = 3000;
  const AGES = 30000;

  // What somebody is busy with is not taken from under their hands.
  const busy = (part) =>
    part.querySelector("input:checked, details[open]") !== null ||
    (part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

  const refresh = () => {
    for (const part of document.querySelectorAll("[data-part]")) {
      if (!busy(part)) htmx.trigger(part, "live");
    }
  };

  const say = (live) => {
    if (sign === null) return;
    sign.textContent = live ? "live" : "not live";
    sign.classList.toggle("on", live);
  };

  const listen = () => {
    const source = new EventSource(address);
    source.addEventListener("open", () => {
      say(true);
      refresh();
    });
    source.addEventListener("change", refresh);
    source.addEventListener("error", () => {
      say(false);
      source.close();
      setTimeout(listen, BACK_AGAIN);
    });
  };

  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-all]")) return;
    for (const box of document.querySelectorAll("input[name=row]")) box.checked = event.target.checked;
  });

  // A second press would only find that it is done; the page says so, but nobody needs to read it.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "1";
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  // On a narrow screen the menu is longer than the page is wide: the place that is open must be seen.
  const here = () => {
    const menu = document.getElementById("menu");
    const open = menu?.querySelector("[aria-current]");
    if (open) menu.scrollLeft = open.offsetLeft - (menu.clientWidth - open.offsetWidth) / 2;
  };
  document.addEventListener("htmx:afterSettle", (event) => event.target.id === "menu" && here());
  window.addEventListener("resize", here);
  here();

  if (address) {
    listen();
    setInterval(refresh, AGES);
  }
})();
