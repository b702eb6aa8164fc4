// A terminal in a container: xterm.js over a WebSocket (console/live/terminal.py says what is spoken).
const ACKNOWLEDGE = 32 * 1024; // bytes shown before the other side hears of it at once
const KEYS = { escape: "\x1b", tab: "\t", up: "\x1b[A", down: "\x1b[B", right: "\x1b[C", left: "\x1b[D" };
const encoder = new TextEncoder();

// xterm.js writes style elements and style attributes, which the page's policy forbids. Elements get the page's nonce;
// attributes are set through the object model, which is allowed.
function admitStyles() {
  const { nonce } = document.getElementById("terminal-style");
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const node = create(name, options);
    if (String(name).toLowerCase() === "style") node.nonce = nonce;
    return node;
  };
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function setAttribute(name, value) {
    if (name === "style" && this.style) this.style.cssText = value;
    else set.call(this, name, value);
  };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--sw-${name}`).trim();
}

function colours() {
  const dark = document.documentElement.dataset.bsTheme === "dark";
  return {
    background: colour("card"),
    foreground: colour("ink"),
    cursor: colour("accent"),
    cursorAccent: colour("card"),
    selectionBackground: dark ? "#2f4a5c" : "#bfe3ea",
    black: dark ? "#243140" : "#16202b",
    red: colour("bad"),
    green: colour("ok"),
    yellow: colour("wait"),
    blue: dark ? "#74a5ff" : "#2f5fc4",
    magenta: dark ? "#e879b9" : "#a03f80",
    cyan: colour("new"),
    white: dark ? "#e6edf3" : "#566476",
    brightBlack: colour("mute"),
    brightRed: colour("bad"),
    brightGreen: colour("ok"),
    brightYellow: colour("wait"),
    brightBlue: dark ? "#9dbdff" : "#2f5fc4",
    brightMagenta: dark ? "#f2a3d0" : "#a03f80",
    brightCyan: colour("new"),
    brightWhite: colour("ink"),
  };
}

class Session {
  constructor(node, Terminal, FitAddon) {
    this.node = node;
    this.form = node.querySelector("form");
    this.socket = null;
    this.taken = 0;
    this.ctrl = false;
    this.terminal = new Terminal({
      fontFamily: getComputedStyle(document.documentElement).getPropertyValue("--sw-mono"),
      fontSize: 13,
      scrollback: 5000,
      theme: colours(),
      minimumContrastRatio: 4.5,
      disableStdin: true,
    });
    this.fit = new FitAddon();
    this.terminal.loadAddon(this.fit);
    this.terminal.open(node.querySelector("[data-screen]"));
    this.fit.fit();
    this.listen();
  }

  listen() {
    this.terminal.onData((text) => this.type(text));
    this.terminal.onBinary((text) => this.send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    this.terminal.onResize(({ cols, rows }) => this.tell({ columns: cols, rows }));
    new ResizeObserver(() => this.fit.fit()).observe(this.node.querySelector("[data-screen]"));
    new MutationObserver(() => { this.terminal.options.theme = colours(); })
      .observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
    this.form.addEventListener("submit", (event) => { event.preventDefault(); this.connect(); });
    this.node.querySelector("[data-disconnect]").addEventListener("click", () => this.socket?.close());
    for (const key of this.node.querySelectorAll("[data-key]")) {
      key.addEventListener("click", () => this.press(key));
    }
  }

  press(key) {
    if (key.dataset.key === "ctrl") this.hold(!this.ctrl);
    else this.type(KEYS[key.dataset.key]);
    this.terminal.focus();
  }

  hold(ctrl) {
    this.ctrl = ctrl;
    this.node.querySelector('[data-key="ctrl"]').setAttribute("aria-pressed", String(ctrl));
  }

  type(text) {
    let typed = text;
    if (this.ctrl && /^[a-z@[\]\\^_]$/i.test(text)) {
      typed = String.fromCharCode(text.toUpperCase().charCodeAt(0) & 31);
      this.hold(false);
    }
    this.send(encoder.encode(typed));
  }

  send(bytes) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  tell(what) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(what));
  }

  word(name) {
    return this.node.querySelector("[data-words]").content.querySelector(`[data-word="${name}"]`).textContent;
  }

  say(state, text) {
    const line = this.node.querySelector(".terminal-state");
    line.dataset.state = state;
    line.querySelector("[data-said]").textContent = text;
    const open = state === "connecting" || state === "connected";
    this.node.querySelector("[data-connect]").hidden = open;
    this.node.querySelector("[data-disconnect]").hidden = !open;
    this.terminal.options.disableStdin = state !== "connected";
  }

  async connect() {
    if (this.socket) return;
    this.say("connecting", this.word("connecting"));
    try {
      const response = await fetch(this.node.dataset.begin, {
        method: "POST",
        body: new FormData(this.form),
        headers: { Accept: "application/json" },
      });
      if (response.redirected) { location.reload(); return; }
      const answer = await response.json();
      if (!response.ok) { this.say("failed", answer.message ?? this.word("refused")); return; }
      this.terminal.reset();
      this.taken = 0;
      this.follow(answer);
    } catch {
      this.say("failed", this.word("lost"));
    }
  }

  follow({ path, tokenValue }) {
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    let ending = null;
    socket.addEventListener("open", () => {
      const { cols, rows } = this.terminal;
      socket.send(JSON.stringify({ tokenValue, columns: cols, rows, acknowledges: true }));
    });
    socket.addEventListener("message", (event) => {
      if (event.data instanceof ArrayBuffer) { this.show(new Uint8Array(event.data)); return; }
      const said = JSON.parse(event.data);
      if (said.event === "ended") ending = said;
      else if (said.event === "opened") {
        this.say("connected", this.word("connected"));
        this.terminal.focus();
      }
    });
    socket.addEventListener("close", (event) => {
      this.socket = null;
      this.hold(false);
      if (ending) this.say(ending.exitCode === null ? "failed" : "ended", ending.reason);
      else if (event.wasClean && event.code === 1005) this.say("ended", this.word("ended"));
      else this.say("failed", event.reason || this.word("lost"));
    });
  }

  // The other side sends no more than a window that was not acknowledged: a flood waits in the container, not here.
  show(bytes) {
    this.terminal.write(bytes, () => {
      this.taken += bytes.length;
      clearTimeout(this.later);
      if (this.taken >= ACKNOWLEDGE) this.acknowledge();
      else this.later = setTimeout(() => this.acknowledge(), 100);
    });
  }

  acknowledge() {
    if (!this.taken) return;
    this.tell({ acknowledged: this.taken });
    this.taken = 0;
  }
}

export async function attach(node) {
  if (node.dataset.wired) return;
  node.dataset.wired = "true";
  try {
    const [{ Terminal }, { FitAddon }] = await Promise.all([import(node.dataset.xterm), import(node.dataset.fit)]);
    admitStyles();
    const session = new Session(node, Terminal, FitAddon);
    // Who came from a page of ours asked for a terminal; who followed a link from elsewhere is asked first.
    if (document.referrer.startsWith(`${location.origin}/`)) await session.connect();
  } catch {
    const line = node.querySelector(".terminal-state");
    line.dataset.state = "failed";
    line.textContent = node.querySelector("[data-words]").content.querySelector('[data-word="failed"]').textContent;
  }
}
