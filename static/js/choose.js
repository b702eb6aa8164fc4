// <div data-choose="task_definition"><select …></div>: a choice goes into the address and refreshes the fragments;
// with data-choose-typed what is typed does too, once the typing rests.
import { debounce } from "./page.js";

const WAIT = 300;

export function attach(node) {
  if (node.dataset.wired) return;
  node.dataset.wired = "true";
  const take = (event) => {
    const url = new URL(location.href);
    if (url.searchParams.get(node.dataset.choose) === event.target.value) return;
    url.searchParams.set(node.dataset.choose, event.target.value);
    history.replaceState(null, "", url);
    document.dispatchEvent(new CustomEvent("slipway:refresh"));
  };
  node.addEventListener("change", take);
  if ("chooseTyped" in node.dataset) node.addEventListener("input", debounce(take, WAIT));
}
