// <figure data-chart="/…json">: a uPlot chart, fetched when it comes into view. Charts of one group share their cursor
// and, when one is dragged over, their time range (double click: back). Deployments are dashed lines.
import { config, lang, make, say } from "./page.js";

const groups = new Map();
let library = null;

function uplot() {
  library ??= new Promise((resolve, reject) => {
    document.head.append(make("link", { rel: "stylesheet", href: config.uplotCss }));
    const script = make("script", { src: config.uplot });
    script.onload = () => resolve(window.uPlot);
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function figure(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "bytes") {
    let size = value;
    for (const name of ["B", "KiB", "MiB", "GiB", "TiB"]) {
      if (Math.abs(size) < 1024 || name === "TiB") return `${size.toLocaleString(lang, { maximumFractionDigits: size >= 100 ? 0 : 1 })} ${name}`;
      size /= 1024;
    }
  }
  const text = value.toLocaleString(lang, { maximumFractionDigits: Math.abs(value) >= 100 ? 0 : 1 });
  return unit ? `${text} ${unit}` : text;
}

class Chart {
  constructor(root) {
    this.root = root;
    this.group = root.dataset.group || "page";
    if (!groups.has(this.group)) groups.set(this.group, { charts: new Set(), range: null });
    this.shared = groups.get(this.group);
    this.shared.charts.add(this);
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(root);
    document.addEventListener("slipway:theme", () => this.data && this.draw());
    this.load();
  }

  size() {
    return { width: Math.max(200, this.root.clientWidth), height: Number(this.root.dataset.height) || 190 };
  }

  async load() {
    try {
      const [library, response] = await Promise.all([uplot(), fetch(this.root.dataset.chart, { headers: { Accept: "application/json" } })]);
      if (!response.ok) throw new Error(String(response.status));
      this.uPlot = library;
      this.data = await response.json();
      this.draw();
    } catch {
      this.none(say("chartFailed"));
    }
  }

  none(text) {
    this.plot?.destroy();
    this.plot = null;
    this.root.querySelector(".none")?.remove();
    this.root.append(make("div", { class: "none", role: "status" }, text));
  }

  draw() {
    const { x, series, unit, limits, max } = this.data;
    if (!x.length || !series.some((one) => one.values.some((value) => value !== null))) return this.none(say("noData"));
    this.root.querySelector(".none")?.remove();
    this.plot?.destroy();
    const grid = { stroke: css("--sw-line"), width: 1 };
    const axis = { stroke: css("--sw-mute"), grid, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const lines = limits.map((limit) => x.map(() => limit.value));
    const group = this.shared;
    const options = {
      ...this.size(),
      padding: [12, 8, 0, 0],
      cursor: { sync: { key: this.group, setSeries: false }, drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { x: { range: (_, low, high) => group.range ?? [low, high] }, y: { range: (_, low, high) => [Math.min(0, low), max ?? Math.max(high * 1.12, 1)] } },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick, index) => this.tick(tick, ticks[index - 1])) },
        { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => figure(tick, unit)) },
      ],
      series: [
        { label: say("time"), value: (_, tick) => (tick ? new Date(tick * 1000).toLocaleTimeString(lang, { hour12: false }) : "–") },
        ...series.map((one) => ({ label: one.label, stroke: css(`--sw-${one.tone || "new"}-fill`), width: 1.75, fill: series.length === 1 ? `${css(`--sw-${one.tone || "new"}-fill`)}1f` : undefined, points: { show: false }, value: (_, value) => figure(value, unit), spanGaps: false })),
        ...limits.map((limit) => ({ label: limit.label, stroke: css("--sw-bad-fill"), width: 1, dash: [4, 4], points: { show: false }, value: (_, value) => figure(value, unit) })),
      ],
      hooks: {
        setSelect: [(plot) => { if (plot.select.width > 6) this.zoom([plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x")]); }],
        draw: [(plot) => this.mark(plot)],
      },
    };
    this.plot = new this.uPlot(options, [x, ...series.map((one) => one.values), ...lines], this.root);
    this.plot.over.addEventListener("dblclick", () => this.zoom(null));
    this.root.setAttribute("role", "figure");
    const latest = series.map((one) => `${one.label} ${figure(one.values.findLast((value) => value !== null), unit)}`);
    this.root.querySelector("figcaption").textContent = `${this.root.getAttribute("aria-label")}: ${latest.join(", ")}`;
  }

  tick(at, before) {
    const now = new Date(at * 1000);
    const text = now.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit", hour12: false });
    const newDay = before !== undefined && new Date(before * 1000).getDate() !== now.getDate();
    return newDay ? now.toLocaleDateString(lang, { day: "numeric", month: "short" }) : text;
  }

  mark(plot) {
    this.root.querySelectorAll(".deploy").forEach((node) => node.remove());
    for (const marker of this.data.markers) {
      const left = plot.valToPos(marker.at, "x");
      if (left < 0 || left > plot.over.clientWidth) continue;
      const node = make("div", { class: "deploy", "data-label": marker.label, title: marker.label });
      node.style.left = `${left}px`;
      node.style.height = `${plot.over.clientHeight}px`;
      plot.over.append(node);
    }
  }

  zoom(range) {
    this.shared.range = range;
    for (const chart of this.shared.charts) {
      if (!chart.plot) continue;
      chart.plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
      const all = chart.data.x;
      const [low, high] = range ?? [all[0], all[all.length - 1]];
      chart.plot.setScale("x", { min: low, max: high });
    }
  }
}

const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    waiting.unobserve(entry.target);
    new Chart(entry.target);
  }
}, { rootMargin: "200px" });

export function attach(root) {
  if (root.dataset.chartReady) return;
  root.dataset.chartReady = "true";
  waiting.observe(root);
}
