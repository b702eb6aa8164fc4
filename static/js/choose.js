// <div data-choose="task_definition"><select …></div>: a choice goes into the address and refreshes the fragments;
// with data-choose-typed what is typed does too, once the typing rests. <div data-choose>…</div>: so does whatever a
// person fills in within it, each by its own name.
import { debounce } from "./page.js";

const WAIT = 300;

export function attach(node) {
  if (node.dataset.wired) return;
  node.dataset.wired = "true";
  const one = node.dataset.choose;
  const touched = new Map();
  const follow = () => {
    const url = new URL(location.href);
    const news = [...touched].filter(([name, value]) => url.searchParams.get(name) !== value);
    touched.clear();
    if (!news.length) return;
    for (const [name, value] of news) url.searchParams.set(name, value);
    history.replaceState(null, "", url);
    document.dispatchEvent(new CustomEvent("slipway:refresh"));
  };
  const rested = debounce(follow, WAIT);
  const take = (event) => {
    const { name, type, checked, value } = event.target;
    if (!one && !name) return;
    touched.set(one || name, type === "checkbox" && !checked ? "" : value);
    if (event.type === "change") follow();
    else rested();
  };
  node.addEventListener("change", take);
  if (!one || "chooseTyped" in node.dataset) node.addEventListener("input", take);
}
