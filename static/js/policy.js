// The policy editor: line numbers beside the text, and the server's check of what was typed, mistake by mistake.
import { announce, debounce, say } from "./page.js";
import { toast } from "./toasts.js";

const WAIT = 350;
const TEXT = "policy-text";
const CHECK = "policy-check";

class Editor {
  constructor(form) {
    this.form = form;
    this.turn = 0;
    const check = debounce(() => this.ask("check", [CHECK]), WAIT);
    form.addEventListener("input", (event) => {
      if (event.target !== this.box) return;
      this.turn += 1; // an answer to what was there before is of no use
      this.number();
      check();
    });
    form.addEventListener("submit", (event) => {
      const todo = event.submitter?.value ?? "save";
      if (event.submitter?.name !== "do" || todo === "save") return;
      event.preventDefault();
      form.querySelector("details.menu[open]")?.removeAttribute("open");
      this.ask(todo, [TEXT, CHECK]);
    });
    form.addEventListener("click", (event) => {
      const finding = event.target.closest("[data-line]");
      if (finding) this.go(Number(finding.dataset.line));
    });
    this.number();
  }

  get box() {
    return this.form.querySelector("#id_policy_document");
  }

  // One number a line, marked by the worst that was found on it.
  number() {
    const many = this.box.value.split("\n").length;
    const gutter = this.form.querySelector(".gutter");
    while (gutter.children.length > many) gutter.lastElementChild.remove();
    while (gutter.children.length < many) {
      const line = document.createElement("li");
      line.textContent = gutter.children.length + 1;
      gutter.append(line);
    }
    const tones = new Map();
    for (const found of this.form.querySelectorAll(`#${CHECK} [data-line]`)) {
      const line = Number(found.dataset.line);
      if (tones.get(line) !== "bad") tones.set(line, found.dataset.tone);
    }
    [...gutter.children].forEach((line, index) => { line.className = tones.get(index + 1) ?? ""; });
    this.box.rows = Math.max(16, many + 1);
  }

  async ask(todo, names) {
    const mine = (this.turn += 1);
    const data = new FormData(this.form);
    data.set("do", todo);
    try {
      const response = await fetch(location.href, { method: "POST", body: data, headers: { "X-Fragments": names.join(","), Accept: "text/html" } });
      if (!response.ok) throw new Error(String(response.status));
      const answer = new DOMParser().parseFromString(await response.text(), "text/html");
      if (mine !== this.turn) return;
      const text = answer.getElementById("id_policy_document")?.value;
      if (text !== undefined && text !== this.box.value) this.box.value = text;
      await this.place(answer.getElementById(CHECK));
    } catch {
      if (mine === this.turn) toast(say("requestFailed", "…"), "bad");
    }
  }

  async place(fresh) {
    const present = document.getElementById(CHECK);
    if (!fresh || !present) return;
    await window.htmx.swap({ text: fresh.outerHTML, target: present, sourceElement: present, swap: "outerMorph", request: {} });
    announce(document.getElementById(CHECK));
    this.box.toggleAttribute("aria-invalid", Boolean(this.form.querySelector(`#${CHECK} [data-tone="bad"]`)));
    this.number();
  }

  go(line) {
    const before = this.box.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = this.box.value.indexOf("\n", before);
    this.box.focus();
    this.box.setSelectionRange(before, end < 0 ? this.box.value.length : end);
    this.form.querySelector(".gutter").children[line - 1]?.scrollIntoView({ block: "center" });
  }
}

export function attach(form) {
  if (form.dataset.ready) return;
  form.dataset.ready = "true";
  new Editor(form);
}
