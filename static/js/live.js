// Fragments that follow their topics: <div id="tasks" data-live="service:default/web">. One stream for the page; an
// event names a topic, the fragments that watch it are fetched in one request and morphed into place, so that focus,
// scroll, open menus and typed text stay. If the stream breaks the page says so, recovers and refreshes everything.
import { announce, config, say } from "./page.js";
import { toast } from "./toasts.js";

const GATHER = 120; // ms: events that come together are one request
const QUIET = 3000; // ms without a stream before the page says so
const SILENCE = 45000; // ms without a heartbeat (every 15 s) before the stream is taken for dead
const HIDDEN = 20000; // ms in the background before the stream is closed; browsers allow six per host

let source = null;
let broken = false;
let everOpen = false;
let retry = 1000;
let watchdog = 0;
let retryTimer = 0;
let bannerTimer = 0;
let hiddenTimer = 0;
let gatherTimer = 0;
let fetching = false;
let failures = 0;
const dirty = new Set();
const listeners = new Map();

/** Call `work` when `topic` changes (the log viewer does). Returns a function that stops it. */
export function watch(topic, work) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(work);
  return () => listeners.get(topic)?.delete(work);
}

export function isBroken() {
  return broken;
}

function fragments() {
  return [...document.querySelectorAll("[data-live][id]")];
}

function topics() {
  const found = new Set(listeners.keys());
  for (const node of fragments()) for (const topic of node.dataset.live.split(/\s+/)) if (topic) found.add(topic);
  return [...found].sort();
}

function connect() {
  clearTimeout(retryTimer);
  source?.close();
  source = null;
  const wanted = topics();
  if (!config.liveUrl || !wanted.length || document.hidden) return;
  const url = new URL(config.liveUrl, location.href);
  for (const topic of wanted) url.searchParams.append("topic", topic);
  const stream = new EventSource(url);
  source = stream;
  stream.addEventListener("state", (event) => (event.data === "open" ? opened() : lost()));
  stream.addEventListener("beat", beat);
  stream.addEventListener("topic", (event) => {
    beat();
    for (const topic of JSON.parse(event.data)) touched(topic);
  });
  stream.onerror = () => {
    lost();
    if (stream.readyState !== EventSource.CLOSED) return;
    // The server refused (signed out, say) or is gone: EventSource gives up by itself, we do not.
    retryTimer = setTimeout(connect, retry);
    retry = Math.min(retry * 1.7, 20000);
  };
  beat();
}

function beat() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => { lost(); connect(); }, SILENCE);
}

function opened() {
  retry = 1000;
  beat();
  clearTimeout(bannerTimer);
  pulse("open");
  const banner = document.getElementById("live-banner");
  if (broken && banner && !banner.hidden) toast(say("liveBack"), "ok");
  if (banner) banner.hidden = true;
  // Whatever happened between rendering and listening, or while the stream was away, is fetched now.
  if (broken || !everOpen) refreshAll();
  broken = false;
  everOpen = true;
}

function lost() {
  if (broken || document.hidden) return;
  broken = true;
  clearTimeout(bannerTimer);
  bannerTimer = setTimeout(() => {
    if (!broken || document.hidden) return;
    pulse("broken");
    const banner = document.getElementById("live-banner");
    if (banner) banner.hidden = false;
  }, QUIET);
}

function pulse(state) {
  const node = document.getElementById("pulse");
  if (!node) return;
  node.hidden = false;
  node.dataset.state = state;
}

function touched(topic) {
  for (const work of listeners.get(topic) ?? []) work();
  for (const node of fragments()) if (node.dataset.live.split(/\s+/).includes(topic)) dirty.add(node.id);
  plan();
}

/** Fetch every live fragment again. */
export function refreshAll() {
  for (const works of listeners.values()) for (const work of works) work();
  for (const node of document.querySelectorAll(".fragment[id]")) dirty.add(node.id);
  plan();
}

function plan() {
  if (!dirty.size || gatherTimer || fetching) return;
  gatherTimer = setTimeout(fetchDirty, GATHER);
}

async function fetchDirty() {
  gatherTimer = 0;
  if (document.hidden) return; // becoming visible refreshes everything
  const names = [...dirty];
  dirty.clear();
  fetching = true;
  const asked = location.pathname + location.search;
  try {
    const response = await fetch(asked, { headers: { "X-Fragments": names.join(","), Accept: "text/html" } });
    if (response.status === 401 || response.redirected) return location.reload();
    if (response.status === 404 || response.status === 403) return gone();
    if (!response.ok) throw new Error(String(response.status));
    const text = await response.text();
    failures = 0;
    // The address may have changed meanwhile (a search, say): what answers the old one is of no use.
    if (asked === location.pathname + location.search) await place(text, names);
  } catch {
    for (const name of names) dirty.add(name);
    // At once the first time: browsers drop requests when any network interface changes, and containers do that.
    failures += 1;
    setTimeout(plan, Math.min(300 * 2 ** failures, 10000));
    return;
  } finally {
    fetching = false;
  }
  plan();
}

// What the page shows was deleted or taken from this reader: a reload says so, and says which.
function gone() {
  if (!document.querySelector("dialog[open], form :focus")) location.reload();
}

async function place(text, names) {
  const answer = new DOMParser().parseFromString(text, "text/html");
  for (const name of names) {
    const fresh = answer.getElementById(name);
    const present = document.getElementById(name);
    if (!fresh || !present) continue;
    await window.htmx.swap({ text: fresh.outerHTML, target: present, sourceElement: present, swap: "outerMorph", request: {} });
    const placed = document.getElementById(name);
    if (placed) announce(placed);
  }
}

// What a person has changed is theirs: morphing leaves it alone.
function keepers() {
  window.htmx.registerExtension("slipway-keep", {
    htmx_before_morph_attr: (node, detail) => {
      const name = detail.attrName;
      if (name === "open" && (node instanceof HTMLDetailsElement || node instanceof HTMLDialogElement)) return false;
      if (name === "value" && node instanceof HTMLInputElement && node.value !== node.defaultValue) return false;
      if (name === "checked" && node instanceof HTMLInputElement && node.checked !== node.defaultChecked) return false;
      if (name === "title" && node instanceof HTMLTimeElement) return false;
      if (name === "class" && node.matches(".copy.done, .btn.busy")) return false;
      if (name.startsWith("data-sent") || name.startsWith("data-wired") || name.startsWith("data-leaving")) return false;
      return true;
    },
    htmx_before_morph_node: (node) => !(node instanceof HTMLTextAreaElement && node.value !== node.defaultValue) && !(node instanceof HTMLDialogElement && node.open),
  });
}

export function start() {
  if (window.htmx) keepers();
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) {
      hiddenTimer = setTimeout(() => { source?.close(); source = null; clearTimeout(watchdog); pulse("idle"); }, HIDDEN);
    } else if (!source) {
      everOpen = false;
      connect();
    } else if (dirty.size) plan();
  });
  document.addEventListener("slipway:refresh", refreshAll);
  window.addEventListener("popstate", refreshAll);
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) { everOpen = false; connect(); } });
  window.addEventListener("online", connect);
  connect();
}

/** The topics changed (a log viewer opened): connect again with them. */
export function renew() {
  connect();
}
