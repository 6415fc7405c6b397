// The pages work without this. It prints on the chosen paper, and keeps a form from being sent twice by a double click;
// the server would give the same reference anyway.
"use strict";

// what the desk's scripts have in common
const muara = {};

for (const choice of document.querySelectorAll("[data-print]")) {
  choice.addEventListener("click", (event) => {
    event.preventDefault();
    document.documentElement.dataset.paper = choice.dataset.print;
    window.print();
  });
}

const forms = document.querySelectorAll("form[data-once]");

// Makes a form ready to be sent.
muara.release = (form) => {
  const button = form.querySelector("[data-busy]");
  delete form.dataset.sent;
  button.textContent = form.dataset.label;
  button.removeAttribute("aria-disabled");
};

for (const form of forms) {
  const button = form.querySelector("[data-busy]");
  form.dataset.label = button.textContent;
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.sent = "1";
    button.textContent = button.dataset.busy;
    button.setAttribute("aria-disabled", "true");
  });
}

// a page that comes back from the browser's memory can be sent again
window.addEventListener("pageshow", () => forms.forEach(muara.release));
