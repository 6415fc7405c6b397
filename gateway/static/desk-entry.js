// The form: makes photos small, keeps the entry in the browser, sends it and shows the receipt, or the local one.
"use strict";

(async () => {
  const { queue, waiting } = muara;
  const form = document.querySelector("form[data-entry]");
  if (!form || !queue) return;
  await waiting.known;

  const { channel, csrf } = document.body.dataset;
  const fields = form.elements;
  const who = waiting.who();
  const LONGEST_SIDE = 1600;
  const QUALITY = 0.82;
  // so long an officer waits for the network before the citizen gets a local number
  const PATIENCE_MS = 10_000;
  const at = (id) => document.getElementById(id);
  let photos = [];

  // a page out of the browser's store: every opening is another entry
  if (!csrf) {
    fields.idempotency_key.value = crypto.randomUUID();
    at("entry").hidden = !who;
    at("nobody").hidden = Boolean(who);
    for (const name of document.querySelectorAll("[data-office-name]")) if (who) name.textContent = who.officeName;
    if (who) fields.name.focus();
  }

  // What the form says, as the API takes it.
  function words() {
    const text = (name) => fields[name].value.trim();
    const ticked = (name) => fields[name].checked;
    return {
      reporter: { name: text("name"), phone: text("phone"), nik: text("nik"), email: text("email"), anonymous: ticked("anonymous") },
      kind: fields.kind.value,
      category: text("category"),
      title: text("title"),
      description: text("description"),
      place: { address: text("address"), rt: text("rt"), rw: text("rw"), region: text("region") },
      occurred_at: text("occurred_at"),
      consent: ticked("consent"),
      urgent: ticked("urgent"),
    };
  }

  function fill({ reporter, place, ...rest }) {
    for (const [name, value] of Object.entries({ ...reporter, ...place, ...rest })) {
      if (typeof value === "boolean") fields[name].checked = value;
      else fields[name].value = value;
    }
  }

  // The key is made of the form's own and of what was written, as the server makes it: the same form sent twice is one
  // entry, changed words are another.
  async function keyOf(said) {
    const all = new Blob([fields.idempotency_key.value, JSON.stringify(said), ...photos.map(({ blob }) => blob)]);
    const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await all.arrayBuffer())).slice(0, 16);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  // Six letters and figures that are not mistaken for each other.
  const localNumber = (key) =>
    "L-" + [...key.replaceAll("-", "").slice(-12).matchAll(/../g)]
      .map(([pair]) => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[parseInt(pair, 16) & 31]).join("");

  // What is plainly wrong, before the citizen goes home with a local number.
  function faults() {
    fields.name.required = !fields.anonymous.checked;
    fields.address.required = fields.kind.value === "complaint";
    const wrong = [...fields].filter((field) => field.dataset.message && !field.validity.valid);
    return wrong.map((field) => ({ field: field.name, detail: field.dataset.message }));
  }

  function say(text, errors) {
    const notice = at("form");
    notice.hidden = !text;
    notice.classList.toggle("notice-wrong", errors.length > 0);
    notice.querySelector("p").textContent = text;
    notice.querySelector("ul").hidden = errors.length === 0;
    notice.querySelector("ul").replaceChildren(
      ...errors.map(({ field, detail }) => {
        const [item, link] = [document.createElement("li"), document.createElement("a")];
        link.href = `#${input(field)?.id ?? "form"}`;
        link.textContent = detail;
        item.append(link);
        return item;
      }),
    );
  }

  // `reporter.phone` of the API is the input `phone`.
  const input = (field) => at(field.split(".").pop());

  function right(field) {
    field.classList.remove("wrong");
    field.querySelector("[aria-invalid]")?.removeAttribute("aria-invalid");
    const note = field.querySelector(".note");
    if (note) note.textContent = note.dataset.hint ?? "";
  }

  function show(text, errors) {
    form.querySelectorAll(".wrong").forEach(right);
    say(text, errors);
    for (const { field, detail } of errors) {
      const [element, box] = [input(field), input(field)?.closest(".field")];
      if (!box) continue;
      box.classList.add("wrong");
      element.setAttribute("aria-invalid", "true");
      const note = box.querySelector(".note");
      if (!note) continue;
      note.dataset.hint ??= note.textContent;
      note.replaceChildren(Object.assign(document.createElement("strong"), { textContent: detail }));
    }
    const first = errors.map(({ field }) => input(field)).find(Boolean);
    (first ?? at("form")).focus();
  }

  // Photos: small enough for a bad network, and without what the camera wrote into them.
  async function shrink(file) {
    const image = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    const pen = canvas.getContext("2d");
    // what is clear becomes white, not black
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    return { name: file.name.replace(/\.[^.]*$/, "") + ".jpg", blob };
  }

  async function picture({ blob }) {
    const image = await createImageBitmap(blob);
    const canvas = document.createElement("canvas");
    canvas.height = 96;
    canvas.width = Math.max(1, Math.round((96 * image.width) / image.height));
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  async function showPhotos() {
    // what the form would send by itself, should it have to
    const carrier = new DataTransfer();
    for (const { name, blob } of photos) carrier.items.add(new File([blob], name, { type: blob.type }));
    at("photos").files = carrier.files;
    at("camera").value = "";
    const rows = photos.map(async (photo, index) => {
      const [row, remove] = [document.createElement("li"), document.createElement("button")];
      Object.assign(remove, { type: "button", className: "small-button", textContent: "Hapus" });
      remove.setAttribute("aria-label", `Hapus foto ${index + 1}`);
      remove.onclick = () => {
        photos.splice(photos.indexOf(photo), 1);
        showPhotos();
        at("photos").focus();
      };
      row.append(await picture(photo), remove);
      return row;
    });
    at("photos-list").replaceChildren(...(await Promise.all(rows)));
    at("photos-list").hidden = photos.length === 0;
  }

  async function take({ target }) {
    const errors = [];
    for (const file of [...target.files]) {
      // our own, put there by `showPhotos`
      if (photos.some(({ name, blob }) => name === file.name && blob.size === file.size)) continue;
      try {
        photos.push(await shrink(file));
      } catch {
        errors.push({ field: "photos", detail: `${file.name} bukan foto yang dapat dibuka.` });
      }
    }
    await showPhotos();
    show("", errors);
    target.focus();
  }
  at("photos").addEventListener("change", take);
  at("camera").addEventListener("change", take);

  // `menteng rt 3 rw 5` or `menteng 003/005`: the numbers go to their own fields, the name to the one that it can mean.
  fields.region.addEventListener("change", () => {
    let text = fields.region.value;
    const pick = (pattern, ...names) => {
      text = text.replace(pattern, (_, ...numbers) => {
        names.forEach((name, index) => (fields[name].value = numbers[index]));
        return " ";
      });
    };
    pick(/\b(\d{1,3})\s*\/\s*(\d{1,3})\b/, "rt", "rw");
    pick(/\brt\.?\s*(\d{1,3})\b/i, "rt");
    pick(/\brw\.?\s*(\d{1,3})\b/i, "rw");
    text = text.replace(/[\s/]+/g, " ").trim();
    const names = [...at("regions").options].map((option) => option.value);
    const typed = text.toLowerCase();
    const fitting = names.filter((name) => typed && name.toLowerCase().includes(typed));
    const exact = fitting.filter((name) => name.toLowerCase().startsWith(`${typed},`));
    fields.region.value = exact.length === 1 ? exact[0] : fitting.length === 1 ? fitting[0] : text;
  });

  // The number as a code, drawn as the server draws that of an official one: dark modules, and four light ones around.
  function draw(svg, text) {
    const QUIET = 4;
    const code = muara.qr.generate(text, { minCorrectionLevel: muara.qr.correction.M });
    const whole = code.size + 2 * QUIET;
    let path = "";
    for (let y = 0; y < code.size; y++) {
      for (let x = 0; x < code.size; x++) if (code.get(x, y)) path += `M${x + QUIET} ${y + QUIET}h1v1h-1z`;
    }
    svg.setAttribute("viewBox", `0 0 ${whole} ${whole}`);
    svg.querySelector("rect").setAttribute("width", whole);
    svg.querySelector("rect").setAttribute("height", whole);
    svg.querySelector("path").setAttribute("d", path);
  }

  // The local receipt.
  muara.slip = (entry) => {
    at("local").textContent = entry.local;
    draw(at("local-qr"), entry.local);
    document.querySelector("[data-slip-office]").textContent = entry.officeName;
    document.querySelector("[data-slip-officer]").textContent = entry.officer;
    document.querySelector("[data-slip-time]").textContent = `${waiting.time(entry.at)} WIB`;
    at("entry").hidden = true;
    at("slip").hidden = false;
    document.body.classList.replace("page-form", "page-narrow");
    at("slip").querySelector("h1").focus();
    scrollTo(0, 0);
  };
  at("next").addEventListener("click", () => location.assign(`/desk/${channel}`));

  // A refused entry back into the form; it stays kept until the corrected one takes its place.
  muara.mend = (entry) => {
    muara.mending = entry.seq;
    fill(entry.words);
    photos = [...entry.photos];
    showPhotos();
    waiting.show();
    show(entry.refused.detail, entry.refused.errors);
  };

  // What was wrong and is mended is no longer marked.
  form.addEventListener("input", ({ target }) => {
    const box = target.closest(".field.wrong");
    if (!box) return;
    // what is required depends on other fields
    faults();
    if (!target.validity.valid) return;
    right(box);
    at("form").querySelector(`a[href="#${target.id}"]`)?.closest("li").remove();
    at("form").hidden = !at("form").querySelector("li");
  });

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function kept() {
    const said = words();
    const key = await keyOf(said);
    const { office, officeName, officer } = who;
    const at = new Date().toISOString();
    await queue.keep({ key, local: localNumber(key), at, office, officeName, officer, words: said, photos }, muara.mending);
    return key;
  }

  async function submit() {
    let key;
    try {
      key = await kept();
    } catch {
      // a browser that keeps nothing sends the form itself
      form.submit();
      return;
    }
    muara.mending = undefined;
    await Promise.race([waiting.flush(), pause(PATIENCE_MS)]);
    const { sent, waiting: entry } = await queue.find(key);
    if (sent) {
      await queue.seen(key);
      // whoever goes back finds nothing of this citizen
      form.reset();
      photos = [];
      await showPhotos();
      location.assign(`/desk/${channel}/receipts/${sent.reference}`);
    } else if (entry.refused) {
      muara.mending = entry.seq;
      await waiting.show();
      show(entry.refused.detail, entry.refused.errors);
      muara.release(form);
    } else {
      muara.slip(entry);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const errors = faults();
    if (errors.length) {
      show(form.dataset.wrong, errors);
      muara.release(form);
      return;
    }
    submit();
  });
})();
