// data-copy="text": copied with one click, and said so.
import { say } from "./page.js";
import { toast } from "./toasts.js";

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Plain http on another host has no clipboard; selecting is the next best thing.
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    field.setAttribute("readonly", "");
    field.className = "vh";
    (button.closest("dialog") ?? document.body).append(field);
    field.select();
    const worked = document.execCommand("copy");
    field.remove();
    button.focus();
    if (!worked) return toast(say("copyFailed"), "bad");
  }
  const use = button.querySelector("use");
  const address = use?.getAttribute("href");
  button.classList.add("done");
  use?.setAttribute("href", address.replace("#copy", "#check"));
  toast(say("copied"), "ok");
  setTimeout(() => {
    button.classList.remove("done");
    use?.setAttribute("href", address);
  }, 1500);
}

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button && !button.classList.contains("done")) copy(button);
  });
}
