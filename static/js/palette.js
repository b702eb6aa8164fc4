// The command palette (Ctrl-K or ⌘K): jump to any page, cluster, service, task or family, or do a small thing.
import { config, icon, make, remembered, say } from "./page.js";
import { toggle } from "./theme.js";

const WAIT = 130;
let dialog, input, list, none, pages, timer, serial = 0, options = [], at = 0;

function commands() {
  const found = [{ kind: say("actions"), label: say("toggleTheme"), icon: "moon", run: toggle }];
  const out = document.querySelector('form[action*="sign-out"]');
  if (out) found.push({ kind: say("actions"), label: say("signOut"), icon: "logout", run: () => out.requestSubmit() });
  return found;
}

function recent() {
  try { return JSON.parse(remembered.get("recent", "[]")); } catch { return []; }
}

function remember(item) {
  if (!item.url) return;
  const kept = recent().filter((other) => other.url !== item.url).slice(0, 5);
  remembered.set("recent", JSON.stringify([{ kind: item.kind, label: item.label, url: item.url, icon: item.icon, hint: item.hint }, ...kept]));
}

// Letters in order, not necessarily together: "tdf" finds "Task definitions".
function fits(text, words) {
  let from = 0;
  const low = text.toLowerCase();
  for (const letter of words) {
    from = low.indexOf(letter, from) + 1;
    if (!from) return false;
  }
  return true;
}

function draw(items) {
  options = items;
  at = 0;
  list.replaceChildren();
  let kind = null;
  items.forEach((item, index) => {
    if (item.kind !== kind) {
      kind = item.kind;
      list.append(make("div", { class: "group", role: "presentation" }, kind));
    }
    const option = make("div", { role: "option", id: `palette-${index}`, "data-index": index, "aria-selected": "false" }, icon(item.icon || "box"), make("span", { class: "cut" }, item.label));
    if (item.hint) option.append(make("span", { class: "hint cut" }, item.hint));
    list.append(option);
  });
  mark(0);
}

function mark(index) {
  list.querySelector('[aria-selected="true"]')?.setAttribute("aria-selected", "false");
  if (!options.length) return input.removeAttribute("aria-activedescendant");
  at = (index + options.length) % options.length;
  const option = document.getElementById(`palette-${at}`);
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", option.id);
}

function open(event) {
  const item = options[at];
  if (!item) return;
  remember(item);
  dialog.close();
  if (item.run) return item.run();
  if (event?.ctrlKey || event?.metaKey) window.open(item.url, "_blank", "noopener");
  else location.assign(item.url);
}

function local(words) {
  const low = words.toLowerCase().replace(/\s+/g, "");
  return [...pages, ...commands()].filter((item) => fits(item.label, low));
}

async function search() {
  const words = input.value.trim();
  const mine = ++serial;
  none.hidden = true;
  if (!words) {
    const seen = recent();
    return draw([...seen, ...pages.filter((page) => !seen.some((item) => item.url === page.url)), ...commands()]);
  }
  const here = local(words);
  if (!options.length || !config.search) draw(here);
  if (!config.search) return;
  let found = [];
  try {
    const response = await fetch(`${config.search}?q=${encodeURIComponent(words)}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    found = (await response.json()).results;
  } catch {
    if (mine !== serial) return;
    none.textContent = say("searchFailed");
    none.hidden = false;
  }
  if (mine !== serial) return;
  draw([...found, ...here]);
  if (!options.length && none.hidden) {
    none.textContent = say("noResults", words);
    none.hidden = false;
  }
}

function show() {
  if (dialog.open) return;
  dialog.showModal();
  input.value = "";
  search();
  input.focus();
}

export function start() {
  dialog = document.getElementById("palette");
  if (!dialog) return;
  input = dialog.querySelector("input");
  list = dialog.querySelector('[role="listbox"]');
  none = dialog.querySelector(".none");
  pages = JSON.parse(document.getElementById("palette-pages").textContent);
  if (/Mac|iPhone|iPad/.test(navigator.platform)) document.querySelectorAll(".find kbd").forEach((key) => { key.textContent = "⌘ K"; });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close();
      else show();
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !document.querySelector("dialog[open]")) { event.preventDefault(); show(); }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) show();
  });
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(at + 1);
    else if (event.key === "ArrowUp") mark(at - 1);
    else if (event.key === "Enter") open(event);
    else return;
    event.preventDefault();
  });
  list.addEventListener("mousemove", (event) => {
    const option = event.target.closest('[role="option"]');
    if (option && Number(option.dataset.index) !== at) mark(Number(option.dataset.index));
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (!option) return;
    at = Number(option.dataset.index);
    open(event);
  });
}
