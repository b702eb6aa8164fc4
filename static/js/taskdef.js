// The form and the JSON of a task definition, kept in step: whichever is written in, the server fills the other one.
import { announce, debounce, say } from "./page.js";

const WAIT = 350;

class Panes {
  constructor(form) {
    this.form = form;
    this.source = form.querySelector("[data-source]");
    this.state = form.querySelector("[data-sync-state]");
    this.turn = 0;
    const sync = debounce(() => this.sync(), WAIT);
    form.addEventListener("input", (event) => {
      const pane = event.target.closest("[data-pane]");
      if (!pane) return;
      this.source.value = pane.dataset.pane;
      this.turn += 1; // an answer to what was there before is of no use
      sync();
    });
    form.addEventListener("submit", (event) => {
      const todo = event.submitter?.value ?? "register";
      if (todo === "register") return;
      event.preventDefault();
      this.ask(todo, ["form-pane", "json-pane"]);
    });
  }

  sync() {
    this.ask("sync", [this.source.value === "json" ? "form-pane" : "json-pane"]);
  }

  async ask(todo, names) {
    const mine = (this.turn += 1);
    const data = new FormData(this.form);
    data.set("do", todo);
    // The JSON's mistakes stand under the JSON, so its pane is asked for too; its text is the person's and stays.
    const wanted = [...new Set([...names, "json-pane"])];
    try {
      const response = await fetch(location.href, { method: "POST", body: data, headers: { "X-Fragments": wanted.join(","), Accept: "text/html" } });
      if (!response.ok) throw new Error(String(response.status));
      const text = await response.text();
      if (mine !== this.turn) return;
      await this.place(new DOMParser().parseFromString(text, "text/html"), names);
      if (this.state) this.state.textContent = "";
    } catch {
      if (mine === this.turn && this.state) this.state.textContent = say("requestFailed", "…");
    }
  }

  async place(answer, names) {
    for (const name of names) {
      const fresh = answer.getElementById(name);
      const present = document.getElementById(name);
      if (!fresh || !present) continue;
      if (name === "json-pane") this.json(fresh, present);
      else {
        await window.htmx.swap({ text: fresh.outerHTML, target: present, sourceElement: present, swap: "outerMorph", request: {} });
        this.values(fresh, document.getElementById(name));
        announce(document.getElementById(name));
      }
    }
    this.mistakes(answer);
  }

  json(fresh, present) {
    const box = present.querySelector("[data-json]");
    const text = fresh.querySelector("[data-json]").value;
    if (box.value !== text) box.value = text;
  }

  // Morphing leaves what was typed alone; here the other pane's words are the newer ones.
  values(fresh, present) {
    for (const field of fresh.querySelectorAll("input[name], textarea[name], select[name]")) {
      const mine = present.querySelector(`[name="${CSS.escape(field.name)}"]`);
      if (!mine) continue;
      if (mine.type === "checkbox") mine.checked = field.checked;
      else if (mine.value !== field.value) mine.value = field.value;
    }
  }

  mistakes(answer) {
    const fresh = answer.querySelector("#json-pane #document-errors");
    const box = document.querySelector("#json-pane [data-json]");
    document.getElementById("document-errors")?.remove();
    if (fresh) box.after(fresh);
    box.classList.toggle("is-invalid", Boolean(fresh));
  }
}

export function attach(form) {
  if (form.dataset.ready) return;
  form.dataset.ready = "true";
  new Panes(form);
}
