// Messages: those of the server that came with the page, and those of scripts. Failures stay until closed.
import { each, icon, make, say } from "./page.js";

const SIGNS = { ok: "circle-check", bad: "alert-triangle", wait: "clock", new: "info-circle" };
const STAY = 6000;

export function toast(text, tone = "new") {
  const list = document.getElementById("toasts");
  if (!list) return;
  const close = make("button", { type: "button", class: "btn btn-quiet btn-sm btn-only x", "data-toast-close": true, "aria-label": say("close") }, icon("x"));
  const card = make("div", { class: `toast-card ${tone}`, role: tone === "bad" ? "alert" : "status", "data-toast": true }, icon(SIGNS[tone] ?? SIGNS.new), make("div", {}, text), close);
  // The same message twice is one message.
  for (const other of list.children) if (other.textContent === card.textContent) other.remove();
  list.append(card);
  while (list.children.length > 4) list.firstElementChild.remove();
  leave(card);
}

function leave(card) {
  if (card.classList.contains("bad") || card.dataset.leaving) return;
  card.dataset.leaving = "true";
  let timer = setTimeout(() => card.remove(), STAY);
  for (const name of ["mouseenter", "focusin"]) card.addEventListener(name, () => clearTimeout(timer));
  for (const name of ["mouseleave", "focusout"]) card.addEventListener(name, () => { timer = setTimeout(() => card.remove(), STAY / 2); });
}

export function start() {
  each("[data-toast]", leave);
  document.addEventListener("click", (event) => event.target.closest("[data-toast-close]")?.closest("[data-toast]").remove());
}
