// Dialogs, menus, forms: the small behaviours that HTML alone does not have.
import { debounce, each, say } from "./page.js";
import { toast } from "./toasts.js";

function dialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    // A click on the backdrop is a click on the dialog itself, outside its content.
    if (event.target instanceof HTMLDialogElement && !event.target.querySelector("[data-must-equal]")) event.target.close();
  });
  each("[data-must-equal]", (field) => {
    const button = field.form?.querySelector("[type=submit]");
    const check = () => { if (button) button.disabled = field.value.trim() !== field.dataset.mustEqual; };
    field.addEventListener("input", check);
    check();
  });
}

function menus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target) || event.target.closest("[data-theme-set], [data-dialog], .menu-list a")) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
}

function forms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-busy]")) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "true";
    (event.submitter ?? form.querySelector("[type=submit]"))?.classList.add("busy");
  });
  // Back from the next page: the form may be sent again.
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      form.querySelectorAll(".busy").forEach((button) => button.classList.remove("busy"));
    });
  });
  document.addEventListener("click", (event) => {
    const refused = event.target.closest('[aria-disabled="true"]');
    if (refused) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);
}

// On a phone the tabs scroll sideways; the present one is not left outside.
function tabs() {
  each(".tabs", (nav) => {
    const now = nav.querySelector("[aria-current]");
    if (now) nav.scrollLeft = Math.max(0, now.offsetLeft + now.offsetWidth - nav.clientWidth + 28);
  });
}

// Lists search while one types: the address changes with the words, so that the view can be shared.
function searching() {
  each("form[data-search] input[type=search]", (input) => {
    if (input.dataset.wired) return;
    input.dataset.wired = "true";
    const ask = debounce(async () => {
      const url = new URL(input.form.action, location.href);
      for (const [name, value] of new FormData(input.form)) if (value) url.searchParams.set(name, value);
      if (url.href === location.href) return;
      history.replaceState(null, "", url);
      document.dispatchEvent(new CustomEvent("slipway:refresh"));
    }, 250);
    input.addEventListener("input", ask);
    input.form.addEventListener("submit", (event) => { event.preventDefault(); ask(); });
  });
}

function failures() {
  document.addEventListener("htmx:response:error", (event) => {
    const response = event.detail.ctx?.response;
    const said = response?.headers?.get("X-Error");
    toast(said ? decodeURIComponent(said) : say("requestFailed", response?.status ?? "?"), "bad");
  });
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.ctx?.response === undefined) toast(say("offline"), "bad");
  });
}

export function start() {
  dialogs();
  menus();
  forms();
  searching();
  tabs();
  failures();
}
