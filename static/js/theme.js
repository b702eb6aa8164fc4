// Light, dark or as the system: the toggle in the top bar and the choices in the user menu.
import { remembered } from "./page.js";

const system = window.matchMedia("(prefers-color-scheme: dark)");

function current() {
  return document.documentElement.getAttribute("data-bs-theme");
}

function show(theme) {
  if (theme !== current()) {
    document.documentElement.setAttribute("data-bs-theme", theme);
    document.dispatchEvent(new CustomEvent("slipway:theme"));
  }
  const choice = remembered.get("theme", "auto");
  document.querySelectorAll("[data-theme-set]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.themeSet === choice));
  });
}

/** "light", "dark", or "auto" to follow the system. */
export function choose(choice) {
  remembered.set("theme", choice === "auto" ? null : choice);
  show(choice === "auto" ? (system.matches ? "dark" : "light") : choice);
}

export function toggle() {
  choose(current() === "dark" ? "light" : "dark");
}

export function start() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) toggle();
    const set = event.target.closest("[data-theme-set]");
    if (set) choose(set.dataset.themeSet);
  });
  system.addEventListener("change", () => {
    if (!remembered.get("theme")) choose("auto");
  });
  window.addEventListener("storage", (event) => {
    if (event.key === "slipway-theme") choose(event.newValue ?? "auto");
  });
  show(current());
}
