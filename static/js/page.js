// What the other modules share: the page's strings, its data attributes, icons, and small helpers.

const element = document.getElementById("strings");
const strings = element ? JSON.parse(element.textContent) : {};

/** A sentence of the page's language, with each {} replaced in turn. */
export function say(key, ...values) {
  let text = strings[key] ?? key;
  for (const value of values) text = text.replace("{}", value);
  return text;
}

// Day before month, as the server writes it; English has both orders.
export const lang = (document.documentElement.lang || "en").replace(/^en$/, "en-GB");
export const config = document.body.dataset;

/** Run `work` for every present and future element that matches. Future ones come with htmx swaps. */
export function each(selector, work) {
  const apply = (root) => {
    if (root.matches?.(selector)) work(root);
    root.querySelectorAll?.(selector).forEach(work);
  };
  apply(document);
  document.addEventListener("slipway:content", (event) => apply(event.target));
}

/** Tell every module that `root` has new content. */
export function announce(root) {
  root.dispatchEvent(new CustomEvent("slipway:content", { bubbles: true }));
}

export function icon(name, extra = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${config.icons}#${name}`);
  svg.append(use);
  return svg;
}

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** localStorage that may be missing or full. */
export const remembered = {
  get(key, fallback = null) {
    try { return localStorage.getItem(`slipway-${key}`) ?? fallback; } catch { return fallback; }
  },
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(`slipway-${key}`);
      else localStorage.setItem(`slipway-${key}`, value);
    } catch { /* nothing is lost but the convenience */ }
  },
};

export function debounce(work, wait) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), wait);
  };
}
