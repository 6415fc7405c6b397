// The pages work without this. It adds a print button and keeps a form from being sent twice by a double click;
// the server would give the same reference anyway.
"use strict";

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

const forms = document.querySelectorAll("form[data-once]");

for (const form of forms) {
  const button = form.querySelector("[data-busy]");
  form.dataset.label = button.textContent;
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
  });
}

// a page that comes back from the browser's memory can be sent again
window.addEventListener("pageshow", () => {
  for (const form of forms) {
    const button = form.querySelector("[data-busy]");
    delete form.dataset.sent;
    button.textContent = form.dataset.label;
    button.removeAttribute("aria-disabled");
  }
});
