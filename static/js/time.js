// <time datetime data-time="ago|fine|since|clock|date">: kept current, in the same words as console/web/words.py.
// On hover: the absolute time in the reader's own zone, then UTC.
import { each, lang, say } from "./page.js";

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const zoned = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short" });
const year = new Intl.DateTimeFormat(lang, { day: "numeric", month: "short", year: "numeric" });
const dated = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", hour12: false });

export function duration(seconds, parts = 2) {
  let rest = Math.max(0, Math.floor(seconds));
  const said = [];
  for (const [size, unit] of UNITS) {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    if (amount || (size === 1 && !said.length)) said.push(`${amount} ${say(unit)}`);
    else if (said.length) break;
    if (said.length === parts) break;
  }
  return said.join(" ");
}

export function ago(moment, now = new Date(), parts = 1) {
  const seconds = (now - moment) / 1000;
  if (Math.abs(seconds) >= 7 * 86400) {
    return (moment.getFullYear() === now.getFullYear() ? day : year).format(moment);
  }
  if (seconds <= -1) return say("in", duration(-seconds, parts));
  if (seconds < 3) return say("now");
  return say("ago", duration(seconds, parts));
}

const WORDS = {
  ago: (moment, now) => ago(moment, now),
  fine: (moment, now) => ago(moment, now, 2),
  since: (moment, now) => duration((now - moment) / 1000),
  clock: (moment) => clock.format(moment),
  date: (moment) => dated.format(moment),
};

function write(node, now = new Date()) {
  const moment = new Date(node.getAttribute("datetime"));
  if (Number.isNaN(moment.getTime())) return;
  const text = WORDS[node.dataset.time]?.(moment, now);
  if (text !== undefined && node.textContent !== text) node.textContent = text;
}

export function start() {
  each("time[data-time]", (node) => {
    const moment = new Date(node.getAttribute("datetime"));
    node.title = `${zoned.format(moment)}\n${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    write(node);
  });
  setInterval(() => {
    if (document.hidden) return;
    const now = new Date();
    document.querySelectorAll('time[data-time="ago"],time[data-time="fine"],time[data-time="since"]').forEach((node) => write(node, now));
  }, 1000);
}
