// The log viewer. The server pages; the page holds at most MOST lines, whatever the log's length.
// GET <data-log>?before=|after=<cursor>&limit=&q=&task=&container= answers
//   {"lines": [{"c": cursor, "t": ms, "m": text, "from": "web", "err": false}, ...], "older": bool, "open": bool},
// oldest line first; `open`: more may still come.
import { debounce, lang, make, remembered, say } from "./page.js";
import { isBroken, renew, watch } from "./live.js";

const MOST = 5000;
const PAGE = 500;
const POLL = 2000; // while containers still speak (asking has their newest lines fetched), or the live stream is broken
const ANSI = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;

// 11-22 14:03:41.250: sortable, the same width on every line.
function stamp(ms, utc) {
  const moment = new Date(utc ? ms : ms - new Date(ms).getTimezoneOffset() * 60000);
  return moment.toISOString().slice(5, 23).replace("T", " ");
}

class Log {
  constructor(root) {
    this.root = root;
    this.box = root.querySelector("[data-log-lines]");
    this.part = (name) => root.querySelector(`[data-log-${name}]`);
    this.following = true;
    this.query = "";
    this.only = false;
    this.utc = remembered.get("log-zone") !== "local";
    this.first = this.last = null;
    this.older = false;
    this.open = true;
    this.unseen = 0;
    this.count = 0;
    this.busy = null;
    this.again = false;
    this.hits = [];
    this.hit = -1;
    this.wire();
    this.load();
  }

  url(extra = {}) {
    const url = new URL(this.root.dataset.log, location.href);
    for (const choice of this.root.querySelectorAll("[data-log-param]")) if (choice.value) url.searchParams.set(choice.dataset.logParam, choice.value);
    if (this.only && this.query) url.searchParams.set("q", this.query);
    for (const [name, value] of Object.entries(extra)) if (value !== null) url.searchParams.set(name, value);
    return url;
  }

  async ask(extra) {
    const response = await fetch(this.url({ limit: PAGE, ...extra }), { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    this.open = answer.open ?? false;
    return answer;
  }

  /** From the end, afresh. */
  async load() {
    const mine = (this.busy = {});
    this.first = this.last = null;
    try {
      const answer = await this.ask({});
      if (this.busy !== mine) return;
      this.box.replaceChildren();
      this.count = 0;
      this.unseen = 0;
      this.older = answer.older;
      this.append(answer.lines);
      if (!this.count) this.box.append(make("p", { class: "none" }, say(this.only && this.query ? "noMatches" : "noLines")));
      this.toEnd();
      this.find();
    } catch {
      this.failed(() => this.load());
    } finally {
      if (this.busy === mine) this.busy = null;
    }
    this.tell();
  }

  /** What came since the newest line shown. */
  async more() {
    if (this.busy) { this.again = true; return; }
    if (document.hidden) return;
    if (!this.last) return this.load();
    const mine = (this.busy = {});
    try {
      const answer = await this.ask({ after: this.last });
      if (this.busy !== mine) return;
      if (answer.lines.length) {
        if (this.following) this.append(answer.lines);
        else this.unseen += answer.lines.length;
        if (this.following) { this.toEnd(); this.find(true); }
        if (this.following && answer.lines.length >= PAGE) this.again = true;
      }
    } catch {
      this.failed(null);
    } finally {
      if (this.busy === mine) this.busy = null;
    }
    this.tell();
    if (this.again) { this.again = false; this.more(); }
  }

  /** A page of older lines, put above without moving what is being read. */
  async back() {
    if (this.busy || !this.older || !this.first) return;
    const mine = (this.busy = {});
    try {
      const answer = await this.ask({ before: this.first });
      if (this.busy !== mine) return;
      this.older = answer.older;
      const height = this.box.scrollHeight;
      this.prepend(answer.lines);
      this.box.scrollTop += this.box.scrollHeight - height;
      this.find(true);
    } catch {
      this.failed(null);
    } finally {
      if (this.busy === mine) this.busy = null;
    }
    this.tell();
  }

  line({ c, t, m, from, err }) {
    const text = make("span", { class: "m" }, m.replace(ANSI, ""));
    const node = make("div", { class: err ? "line err" : "line", "data-c": c });
    if (t) node.append(make("time", { datetime: new Date(t).toISOString() }, stamp(t, this.utc)));
    node.append(make("span", { class: "from" }, from ?? ""), text);
    return node;
  }

  append(lines) {
    if (!lines.length) return;
    this.box.querySelector(".none")?.remove();
    const part = document.createDocumentFragment();
    for (const line of lines.slice(-MOST)) part.append(this.line(line));
    this.box.append(part);
    this.count += Math.min(lines.length, MOST);
    while (this.count > MOST) { this.box.firstElementChild.remove(); this.count -= 1; this.older = true; }
    this.ends();
  }

  prepend(lines) {
    const part = document.createDocumentFragment();
    for (const line of lines) part.append(this.line(line));
    this.box.prepend(part);
    this.count += lines.length;
    // Reading upwards: the newest go, and come back when following again.
    while (this.count > MOST) { this.box.lastElementChild.remove(); this.count -= 1; this.setFollow(false); }
    this.ends();
  }

  ends() {
    this.first = this.box.querySelector(".line")?.dataset.c ?? null;
    this.last = this.box.lastElementChild?.dataset?.c ?? null;
  }

  toEnd() {
    if (this.following) this.box.scrollTop = this.box.scrollHeight;
  }

  setFollow(on) {
    if (this.following === on) return;
    this.following = on;
    this.part("follow").setAttribute("aria-pressed", String(on));
    if (on) this.load();
    this.tell();
  }

  tell() {
    const parts = [this.count === 1 ? say("line") : say("lines", this.count.toLocaleString(lang))];
    if (this.older && this.count >= MOST) parts.push(say("bounded", MOST.toLocaleString(lang)));
    else parts.push(this.older ? say("older") : say("oldest"));
    parts.push(this.open ? say(this.following ? "following" : "paused") : say("ended"));
    this.part("state").textContent = parts.join(" · ");
    const newer = this.part("newer");
    newer.hidden = !this.unseen;
    newer.textContent = say("newer", this.unseen >= PAGE ? `${PAGE}+` : this.unseen);
    this.part("download").href = this.url({ download: 1 });
  }

  failed(retry) {
    this.part("state").textContent = say("logFailed");
    if (retry) setTimeout(retry, 4000);
  }

  // Search: marks in the lines shown; "only matches" asks the server, so that it covers the whole log.
  find(keep = false) {
    const place = keep ? this.hit : -1;
    const words = this.query.toLowerCase();
    this.hits = [];
    for (const node of this.box.querySelectorAll(".line > .m")) {
      const text = node.textContent;
      const low = text.toLowerCase();
      let from = words ? low.indexOf(words) : -1;
      if (from < 0) {
        if (node.firstElementChild) node.textContent = text;
        continue;
      }
      const pieces = [];
      let end = 0;
      while (from >= 0) {
        const mark = make("mark", {}, text.slice(from, from + words.length));
        pieces.push(text.slice(end, from), mark);
        this.hits.push(mark);
        end = from + words.length;
        from = low.indexOf(words, end);
      }
      pieces.push(text.slice(end));
      node.replaceChildren(...pieces);
    }
    this.hit = Math.min(place, this.hits.length - 1);
    this.showHit(false);
  }

  showHit(scroll = true) {
    this.box.querySelector("mark.now")?.classList.remove("now");
    const mark = this.hits[this.hit];
    mark?.classList.add("now");
    if (scroll) mark?.scrollIntoView({ block: "center" });
    this.part("hits").textContent = this.query ? say("hits", this.hit + 1, this.hits.length) : "";
  }

  step(by) {
    if (!this.hits.length) return;
    if (this.following) { this.following = false; this.part("follow").setAttribute("aria-pressed", "false"); this.tell(); }
    this.hit = this.hit < 0 ? (by > 0 ? 0 : this.hits.length - 1) : (this.hit + by + this.hits.length) % this.hits.length;
    this.showHit();
  }

  wire() {
    const flip = (button) => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      return on;
    };
    const query = this.part("query");
    query.addEventListener("input", debounce(() => {
      this.query = query.value;
      if (this.only) this.load();
      else this.find();
    }, 220));
    query.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    });
    this.part("prev").addEventListener("click", () => this.step(-1));
    this.part("next").addEventListener("click", () => this.step(1));
    this.part("only").addEventListener("click", (event) => { this.only = flip(event.currentTarget); if (this.query) this.load(); });
    this.part("follow").addEventListener("click", () => this.setFollow(!this.following));
    this.part("newer").addEventListener("click", () => { this.following = false; this.setFollow(true); });
    this.part("wrap").addEventListener("click", (event) => { const on = flip(event.currentTarget); this.root.classList.toggle("wrap", on); remembered.set("log-wrap", on ? "1" : ""); this.toEnd(); });
    this.part("time").addEventListener("click", (event) => this.root.classList.toggle("with-time", flip(event.currentTarget)));
    const zone = this.part("zone");
    const named = () => { zone.textContent = this.utc ? "UTC" : say("local"); };
    named();
    zone.addEventListener("click", () => {
      this.utc = !this.utc;
      remembered.set("log-zone", this.utc ? null : "local");
      named();
      for (const time of this.box.querySelectorAll("time")) time.textContent = stamp(Date.parse(time.dateTime), this.utc);
    });
    if (remembered.get("log-wrap", matchMedia("(max-width: 900px)").matches ? "1" : null)) { this.root.classList.add("wrap"); this.part("wrap").setAttribute("aria-pressed", "true"); }
    for (const choice of this.root.querySelectorAll("[data-log-param]")) choice.addEventListener("change", () => this.load());
    let before = 0;
    this.box.addEventListener("scroll", () => {
      const top = this.box.scrollTop;
      const atEnd = this.box.scrollHeight - top - this.box.clientHeight < 24;
      if (top < before && !atEnd && this.following) { this.following = false; this.part("follow").setAttribute("aria-pressed", "false"); this.tell(); }
      if (top < 160) this.back();
      before = top;
    }, { passive: true });
    const topic = this.root.dataset.logTopic;
    if (topic) {
      watch(topic, debounce(() => this.more(), 150));
      renew();
    }
    setInterval(() => { if (this.root.isConnected && !document.hidden && ((this.open && this.following) || !topic || isBroken())) this.more(); }, POLL);
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.more(); });
  }
}

export function attach(root) {
  if (!root.dataset.logReady) {
    root.dataset.logReady = "true";
    new Log(root);
  }
}
