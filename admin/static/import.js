// Rows of a preview: what was typed is kept and read as one leaves the cell.
document.addEventListener("change", async ({ target }) => {
  const row = target.closest("form[data-row] tr[data-key]");
  if (!row) return;
  const form = row.closest("form");
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value, key: row.dataset.key,
    text: row.querySelector("input")?.value ?? "", choice: row.querySelector("select").value });
  try {
    const reply = await fetch(form.dataset.row, { method: "POST", body, headers: { "X-Requested-With": "fetch" }, redirect: "error" });
    const { said, is_right: isRight, bar } = await reply.json();
    const told = row.querySelector("[data-read]");
    if (told) {
      told.textContent = said;
      told.className = isRight ? "small good" : "small field-error";
    }
    if (bar) document.querySelector("[data-bar]").textContent = bar;
  } catch {
    return; // it goes along when the file is imported
  }
});

// Upload of a list: a file may be dropped anywhere in its box; one too large is refused before the upload.
(() => {
  "use strict";
  const form = document.getElementById("import");
  if (!form) return;
  const box = form.querySelector(".drop");
  const input = form.querySelector("input[type=file]");
  const error = form.querySelector("#file-error");
  const button = form.querySelector("button[data-busy]");
  const list = form.querySelector("#list");
  const fresh = form.querySelector("#new");

  const check = () => {
    const file = input.files[0];
    const large = Boolean(file) && file.size > Number(box.dataset.largest) * 1048576;
    box.querySelector(".picked").textContent = file ? file.name : "";
    error.textContent = large ? box.dataset.tooLarge : "";
    input.setAttribute("aria-invalid", String(large));
    return !large;
  };
  const choose = () => {
    fresh.hidden = Boolean(list.value);
    fresh.disabled = fresh.hidden;
  };

  box.classList.add("enhanced");
  for (const kind of ["dragenter", "dragover"]) {
    box.addEventListener(kind, (event) => {
      event.preventDefault();
      box.classList.add("over");
    });
  }
  box.addEventListener("dragleave", () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("over");
    if (event.dataTransfer.files.length) {
      input.files = event.dataTransfer.files;
      check();
    }
  });
  input.addEventListener("change", check);
  form.addEventListener("submit", (event) => {
    if (!check()) {
      event.preventDefault();
      input.focus();
      return;
    }
    button.textContent = button.dataset.busy;
    button.disabled = true;
  });
  if (list) {
    list.addEventListener("change", choose);
    choose();
  }
})();
